//! `cpu.throttle`: limits the CPU time the target may use.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &CpuThrottle;

struct CpuThrottle;

static DESCRIPTION: Description = Description {
    name: "cpu.throttle",
    family: "cpu",
    summary: "limits the CPU time the target may use",
    death: Death::Receipt,
    params: &[
        Param::required(
            "percent",
            Kind::Share { min_percent: 1.0, max_percent: 100.0 },
            "of each core",
        ),
        Param::optional(
            "cores",
            Kind::Integer { min: 1, max: 256 },
            Some("1"),
            "how many cores the percentage is of",
        ),
        Param::optional(
            "period",
            Kind::Duration { min: "1ms", max: "1s" },
            Some("100ms"),
            "the kernel's period: shorter ones throttle in smaller pieces",
        ),
    ],
    filters: &[],
    acts: "a quota on the target's cgroup, or on one made for it and its children inside a shared one",
    ends: "the old quota is written back and the target moved back; by the watchdog where the agent is gone",
    spares: "other processes: a shared group of version 2 is refused",
    hit_word: "period throttled",
    tolerance: Tolerance::Own,
    conflicts: &["cpu.throttle"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for CpuThrottle {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn bound(&self, values: &Checked) -> Bound {
        let percent = values.printed("percent").unwrap_or_default();
        let cores = match values.integer("cores") {
            1 => "one core".to_owned(),
            cores => format!("{cores} cores"),
        };
        let text = format!("the target gets at most {percent} of {cores}");
        Bound { text, per_mille_hurt: 1000 }
    }
}
