//! `process.pause`: stops a process, then lets it go on.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param};
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &ProcessPause;

struct ProcessPause;

static DESCRIPTION: Description = Description {
    name: "process.pause",
    family: "process",
    summary: "stops a process, then lets it go on",
    death: Death::Receipt,
    params: &[Param::optional(
        "tree",
        Kind::Word(&["no", "yes"]),
        Some("no"),
        "its children too, as they are when the fault is applied",
    )],
    filters: &[],
    acts: "SIGSTOP: no thread of the process runs; its sockets stay open and fill up",
    ends: "SIGCONT by the agent; by the watchdog, or the next start, where the agent is gone",
    spares: "processes that were stopped before; any process that got the same pid later",
    hit_word: "process stopped",
    tolerance: Tolerance::Own,
    conflicts: &["process.pause"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for ProcessPause {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn bound(&self, values: &Checked) -> Bound {
        let whom = if values.word("tree") == "yes" {
            "the process and its children answer"
        } else {
            "the process answers"
        };
        Bound { text: format!("{whom} nothing until it goes on"), per_mille_hurt: 1000 }
    }

    fn fits(&self, _values: &Checked, target: &Target) -> Result<(), String> {
        if target.process.pid <= 1 {
            return Err("pid 1 cannot be stopped".to_owned());
        }
        Ok(())
    }
}
