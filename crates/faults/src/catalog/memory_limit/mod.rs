//! `memory.limit`: limits the memory the target may use, up to a real out-of-memory kill.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &MemoryLimit;

struct MemoryLimit;

static DESCRIPTION: Description = Description {
    name: "memory.limit",
    family: "memory",
    summary: "limits the memory the target may use",
    death: Death::Receipt,
    params: &[
        Param::optional(
            "leave",
            Kind::Bytes { min: "0B", max: "64GiB" },
            Some("16MiB"),
            "how much more than now the target may use",
        ),
        Param::optional(
            "oom",
            Kind::Word(&["no", "yes"]),
            Some("no"),
            "yes: a worker fills what is left, and the kernel kills the target",
        ),
    ],
    filters: &[],
    acts: "a limit on the target's cgroup, or on one made for it and its children inside a shared one",
    ends: "the old limit is written back and the target moved back; by the watchdog where the agent is gone",
    spares: "other processes: a shared group of version 2 is refused; the host keeps 256 MiB",
    hit_word: "limit reached",
    tolerance: Tolerance::Own,
    conflicts: &["memory.limit", "memory.load"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for MemoryLimit {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn bound(&self, values: &Checked) -> Bound {
        let leave = values.printed("leave").unwrap_or_default();
        let text = if values.word("oom") == "yes" {
            format!("the kernel kills the target for want of memory, after {leave} more are used")
        } else {
            format!("the target may use {leave} more than now; beyond that the kernel may kill it")
        };
        Bound { text, per_mille_hurt: 1000 }
    }

    fn may_end_target(&self, _values: &Checked) -> bool {
        true
    }
}
