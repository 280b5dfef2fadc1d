//! `go.gc-pressure`: memory is allocated at a rate and dropped at once.

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
    name: "go.gc-pressure",
    summary: "garbage at a rate: collections never end",
    params: &[Param::optional(
        "rate",
        Kind::ByteRate { min: "1MiB/s", max: "16GiB/s" },
        Some("256MiB/s"),
        "how much is allocated and dropped",
    )],
    filters: &[],
    hit_word: "collection",
    tolerance: Tolerance::Own,
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let rate = values.printed("rate").unwrap_or_default();
    inprocess::process_hurt(format!("{rate} of garbage more"))
}
