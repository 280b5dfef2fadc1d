//! `process.freeze`: stops a process for short pulses, again and again.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &ProcessFreeze;

struct ProcessFreeze;

static DESCRIPTION: Description = Description {
    name: "process.freeze",
    family: "process",
    summary: "stops a process for short pulses",
    death: Death::Receipt,
    params: &[
        Param::optional(
            "length",
            Kind::Duration { min: "10ms", max: "100ms" },
            Some("50ms"),
            "how long each stop is",
        ),
        Param::optional(
            "period",
            Kind::Duration { min: "20ms", max: "60s" },
            Some("1s"),
            "from the begin of one stop to the next",
        ),
    ],
    filters: &[],
    acts: "SIGSTOP, then SIGCONT after the length, in every period: a stop-the-world seen from outside",
    ends: "SIGCONT by the agent; by the watchdog, or the next start, where the agent is gone",
    spares: "its children; any process that got the same pid later",
    hit_word: "stop",
    tolerance: Tolerance::Absolute(5.0),
    conflicts: &["process.freeze", "process.pause"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for ProcessFreeze {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        if values.duration("length") >= values.duration("period") {
            return vec![ValueIssue {
                code: "F030",
                key: "length".to_owned(),
                at_key: false,
                message: "a stop is as long as its period".to_owned(),
                label: "it would never run".to_owned(),
                help: Some(
                    "choose a period longer than the length, or use process.pause".to_owned(),
                ),
                other: Some(("period".to_owned(), "the period".to_owned())),
            }];
        }
        Vec::new()
    }

    fn bound(&self, values: &Checked) -> Bound {
        let length = values.printed("length").unwrap_or_default();
        let period = values.printed("period").unwrap_or_default();
        let share =
            values.duration("length").as_secs_f64() / values.duration("period").as_secs_f64();
        let text = format!("nothing is answered for {length} in every {period}");
        Bound { text, per_mille_hurt: (share * 1000.0).ceil().clamp(1.0, 1000.0) as u32 }
    }

    fn fits(&self, _values: &Checked, target: &Target) -> Result<(), String> {
        if target.process.pid <= 1 {
            return Err("pid 1 is never stopped".to_owned());
        }
        Ok(())
    }
}
