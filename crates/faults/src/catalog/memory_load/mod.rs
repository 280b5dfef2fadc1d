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
        Param {
            name: "size",
            kind: Kind::Bytes { min: "1MiB", max: "1TiB" },
            default: None,
            required: true,
            help: "how much is held in the end",
        },
        Param {
            name: "step",
            kind: Kind::Bytes { min: "1MiB", max: "1TiB" },
            default: Some("64MiB"),
            required: false,
            help: "how much is taken at once",
        },
        Param {
            name: "interval",
            kind: Kind::Duration { min: "0", max: "10m" },
            default: Some("100ms"),
            required: false,
            help: "from one step to the next",
        },
        Param {
            name: "reserve",
            kind: Kind::Bytes { min: "64MiB", max: "1TiB" },
            default: Some("256MiB"),
            required: false,
            help: "what the host keeps: nothing more is taken below it",
        },
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
