//! `go.cpu-burr`: busy loops that yield burn a share of some cores for a while, again and again.

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
    name: "go.cpu-burr",
    summary: "bursts of busy loops on the target's cores",
    params: &[
        Param::optional(
            "intensity",
            Kind::Share { min_percent: 1.0, max_percent: 100.0 },
            Some("80%"),
            "of a core while it lasts",
        ),
        Param::optional(
            "duration",
            Kind::Duration { min: "1ms", max: "60s" },
            Some("100ms"),
            "how long one burr lasts",
        ),
        Param::optional(
            "period",
            Kind::Duration { min: "1ms", max: "10m" },
            Some("1s"),
            "from one to the next; at least the duration",
        ),
        Param::optional(
            "cores",
            Kind::Integer { min: 1, max: 256 },
            Some("1"),
            "on so many threads; at most what the host has",
        ),
    ],
    filters: &[],
    hit_word: "burr",
    tolerance: Tolerance::Absolute(5.0),
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let text = format!(
        "{} of {} cores for {} every {}",
        values.printed("intensity").unwrap_or_default(),
        values.printed("cores").unwrap_or_default(),
        values.printed("duration").unwrap_or_default(),
        values.printed("period").unwrap_or_default()
    );
    inprocess::process_hurt(text)
}
