//! `go.mutex-hold`: a mutex of the target is held for a while, again and again.

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
    name: "go.mutex-hold",
    summary: "a mutex is held again and again",
    params: &[
        Param::optional(
            "lock",
            Kind::Name,
            None,
            "a mutex that the process registered; without it one of the fault's own",
        ),
        Param::optional(
            "hold",
            Kind::Duration { min: "1ms", max: "60s" },
            Some("5ms"),
            "how long it is held",
        ),
        Param::optional(
            "every",
            Kind::Duration { min: "1ms", max: "60s" },
            Some("10ms"),
            "from one hold to the next; at least the hold",
        ),
        Param::optional(
            "waiters",
            Kind::Integer { min: 0, max: 1000 },
            Some("4"),
            "goroutines that wait for it, where it is the fault's own",
        ),
    ],
    filters: &[],
    hit_word: "hold",
    tolerance: Tolerance::Own,
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let (hold, every) = (values.printed("hold"), values.printed("every"));
    let text =
        format!("a mutex is held {} of {}", hold.unwrap_or_default(), every.unwrap_or_default());
    inprocess::process_hurt(text)
}
