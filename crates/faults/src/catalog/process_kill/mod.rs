//! `process.kill`: ends a process with a signal.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param};
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &ProcessKill;

struct ProcessKill;

static DESCRIPTION: Description = Description {
    name: "process.kill",
    family: "process",
    summary: "ends a process with a signal",
    death: Death::OneShot,
    params: &[Param::optional(
        "signal",
        Kind::Word(&["KILL", "TERM", "INT", "QUIT", "ABRT", "SEGV"]),
        Some("KILL"),
        "KILL cannot be caught; TERM lets the process finish what it does",
    )],
    filters: &[],
    acts: "a signal through a descriptor of exactly this process; the next instance is the supervisor's work",
    ends: "nothing is left to undo: whoever supervises the process starts it again, Squall does not",
    spares: "its children, its sockets' peers, any process that got the same pid later",
    hit_word: "process ended",
    tolerance: Tolerance::Own,
    conflicts: &["process.kill", "process.restart"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for ProcessKill {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn bound(&self, values: &Checked) -> Bound {
        let signal = values.printed("signal").unwrap_or_default();
        let text = format!("the process ends by SIG{signal} and comes back only if supervised");
        Bound { text, per_mille_hurt: 1000 }
    }

    fn fits(&self, _values: &Checked, target: &Target) -> Result<(), String> {
        if target.process.pid <= 1 {
            return Err("pid 1 is never ended".to_owned());
        }
        Ok(())
    }
}
