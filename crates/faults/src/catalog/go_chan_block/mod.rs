//! `go.chan-block`: goroutines block on channels, one way or in pairs.

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
    name: "go.chan-block",
    summary: "goroutines wait on channels for ever",
    params: &[
        Param::optional(
            "count",
            Kind::Integer { min: 1, max: 100_000 },
            Some("100"),
            "how many goroutines, or pairs",
        ),
        Param::optional(
            "mode",
            Kind::Word(&["one-way", "deadlock"]),
            Some("one-way"),
            "a receive without a sender, or pairs that wait for each other",
        ),
    ],
    filters: &[],
    hit_word: "goroutine blocked",
    tolerance: Tolerance::Own,
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let count = values.printed("count").unwrap_or_default();
    inprocess::process_hurt(format!("{count} goroutines or pairs blocked"))
}
