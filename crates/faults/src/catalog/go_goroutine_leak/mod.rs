//! `go.goroutine-leak`: goroutines are parked in the target and stay until the fault ends.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param};
use crate::inprocess::{self, InProcessFault};
use crate::mechanism::Own;
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &InProcessFault { about: &DESCRIPTION, bound };

static DESCRIPTION: Description = inprocess::MECHANISM.fault(Own {
    name: "go.goroutine-leak",
    summary: "goroutines are parked and never end",
    params: &[
        Param::optional(
            "count",
            Kind::Integer { min: 1, max: 200_000 },
            Some("1000"),
            "how many goroutines",
        ),
        Param::optional(
            "rate",
            Kind::Integer { min: 0, max: 200_000 },
            Some("0"),
            "so many a second; 0 parks all at once",
        ),
    ],
    filters: &[],
    hit_word: "goroutine parked",
    tolerance: Tolerance::Relative(0.02),
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let count = values.printed("count").unwrap_or_default();
    inprocess::process_hurt(format!("{count} goroutines more, about 4 KiB each"))
}
