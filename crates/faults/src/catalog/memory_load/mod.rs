//! `memory.load`: holds memory inside the target's own cgroup.

#[cfg(feature = "effects")]
pub mod effect;
#[cfg(feature = "effects")]
pub(crate) mod take;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &MemoryLoad;

struct MemoryLoad;

static DESCRIPTION: Description = Description {
    name: "memory.load",
    family: "memory",
    summary: "holds memory in the target's cgroup",
    death: Death::Holder,
    params: &[
        Param::required(
            "size",
            Kind::Bytes { min: "1MiB", max: "1TiB" },
            "how much is held in the end",
        ),
        Param::optional(
            "step",
            Kind::Bytes { min: "1MiB", max: "1TiB" },
            Some("64MiB"),
            "how much is taken at once",
        ),
        Param::optional(
            "interval",
            Kind::Duration { min: "0", max: "10m" },
            Some("100ms"),
            "from one step to the next",
        ),
        Param::optional(
            "reserve",
            Kind::Bytes { min: "64MiB", max: "1TiB" },
            Some("256MiB"),
            "what the host keeps: nothing more is taken below it",
        ),
    ],
    filters: &[],
    acts: "a process of Squall joins all of the target's cgroups and takes memory, each page written once",
    ends: "the worker and its memory go with the agent, with its lease, or when it is told to",
    spares: "the target's own memory; where memory runs out the kernel ends the worker first",
    hit_word: "memory held",
    tolerance: Tolerance::Own,
    conflicts: &["memory.load"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for MemoryLoad {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn bound(&self, values: &Checked) -> Bound {
        let size = values.printed("size").unwrap_or_default();
        let reserve = values.printed("reserve").unwrap_or_default();
        let text = format!("{size} more is used in the target's cgroup; the host keeps {reserve}");
        Bound { text, per_mille_hurt: 1000 }
    }
}
