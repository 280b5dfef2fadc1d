//! `go.memory-grow`: the live heap of the target grows to a size and is held.

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
    name: "go.memory-grow",
    summary: "live heap grows step by step and is held",
    params: &[
        Param::optional(
            "size",
            Kind::Bytes { min: "1MiB", max: "64GiB" },
            Some("64MiB"),
            "how much in the end",
        ),
        Param::optional(
            "step",
            Kind::Bytes { min: "4KiB", max: "64GiB" },
            None,
            "how much at a time; all at once without it",
        ),
        Param::optional(
            "every",
            Kind::Duration { min: "1ms", max: "1h" },
            Some("100ms"),
            "from one step to the next",
        ),
    ],
    filters: &[],
    hit_word: "step",
    tolerance: Tolerance::Own,
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let size = values.printed("size").unwrap_or_default();
    inprocess::process_hurt(format!(
        "{size} more of live heap; out of memory only where the guard is lifted"
    ))
}
