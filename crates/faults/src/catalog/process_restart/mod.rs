//! `process.restart`: ends a process and watches that its supervisor starts it again.

#[cfg(feature = "effects")]
pub mod effect;
#[cfg(feature = "effects")]
mod unit;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param};
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &ProcessRestart;

struct ProcessRestart;

static DESCRIPTION: Description = Description {
    name: "process.restart",
    family: "process",
    summary: "restarts a process through its supervisor",
    death: Death::OneShot,
    params: &[
        Param::optional(
            "by",
            Kind::Word(&["systemd", "parent"]),
            Some("systemd"),
            "who starts it again: systemd its unit, or its parent process (runit, s6, supervisord)",
        ),
        Param::optional(
            "grace",
            Kind::Duration { min: "0", max: "60s" },
            Some("5s"),
            "after SIGTERM; then SIGKILL",
        ),
        Param::optional(
            "within",
            Kind::Duration { min: "1s", max: "5m" },
            Some("30s"),
            "how soon the next instance has to be there",
        ),
    ],
    filters: &[],
    acts: "by systemd: systemctl restart of its unit; by its parent: SIGTERM, SIGKILL after the grace",
    ends: "nothing is left to undo: the next instance is the supervisor's",
    spares: "units and processes that do not belong to the target",
    hit_word: "process restarted",
    tolerance: Tolerance::Own,
    conflicts: &["process.kill", "process.restart"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for ProcessRestart {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn bound(&self, values: &Checked) -> Bound {
        let within = values.printed("within").unwrap_or_default();
        let text = format!("the process ends, and is back within {within} or not at all");
        Bound { text, per_mille_hurt: 1000 }
    }

    fn fits(&self, _values: &Checked, target: &Target) -> Result<(), String> {
        if target.process.pid <= 1 {
            return Err("pid 1 is never restarted".to_owned());
        }
        Ok(())
    }
}
