//! `fd.exhaust`: leaves the target no file descriptors.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &FdExhaust;

struct FdExhaust;

static DESCRIPTION: Description = Description {
    name: "fd.exhaust",
    family: "descriptors, pids",
    summary: "leaves the target no file descriptors",
    death: Death::Receipt,
    params: &[Param::optional(
        "leave",
        Kind::Integer { min: 0, max: 1_000_000 },
        Some("0"),
        "how many more than now it may open",
    )],
    filters: &[],
    acts: "the soft limit of the process is lowered to the descriptors it has: the next open fails with EMFILE",
    ends: "the old limit is set again; by the watchdog where the agent is gone",
    spares: "descriptors that are open; its children that are there already; the hard limit",
    hit_word: "look without a free descriptor",
    tolerance: Tolerance::Own,
    conflicts: &["fd.exhaust"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for FdExhaust {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn bound(&self, values: &Checked) -> Bound {
        let leave = values.integer("leave");
        let text = format!("the target can open {leave} more files and connections than it has");
        Bound { text, per_mille_hurt: 1000 }
    }
}
