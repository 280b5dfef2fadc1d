//! `pids.exhaust`: leaves the target no new processes and threads.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &PidsExhaust;

struct PidsExhaust;

static DESCRIPTION: Description = Description {
    name: "pids.exhaust",
    family: "descriptors, pids",
    summary: "leaves the target no processes and threads",
    death: Death::Receipt,
    params: &[Param::optional(
        "leave",
        Kind::Integer { min: 0, max: 1_000_000 },
        Some("0"),
        "how many more than now it may start",
    )],
    filters: &[],
    acts: "a limit on the target's cgroup, or on one made for it and its children inside a shared one: the next fork or thread fails with EAGAIN",
    ends: "the old limit is written back and the target moved back; by the watchdog where the agent is gone",
    spares: "processes and threads that are there; a shared group of version 2 is refused",
    hit_word: "start refused",
    tolerance: Tolerance::Own,
    conflicts: &["pids.exhaust"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for PidsExhaust {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn bound(&self, values: &Checked) -> Bound {
        let leave = values.integer("leave");
        let text = format!("the target can start {leave} more processes and threads than it has");
        Bound { text, per_mille_hurt: 1000 }
    }
}
