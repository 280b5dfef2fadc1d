//! `cpu.burr`: burns CPU in bursts inside the target's own cgroup.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &CpuBurr;

struct CpuBurr;

static DESCRIPTION: Description = Description {
    name: "cpu.burr",
    family: "cpu",
    summary: "burns CPU in bursts in the target's cgroup",
    death: Death::Holder,
    params: &[
        Param::optional(
            "percent",
            Kind::Share { min_percent: 1.0, max_percent: 100.0 },
            Some("100%"),
            "of each core, while a burst lasts",
        ),
        Param::optional(
            "cores",
            Kind::Integer { min: 1, max: 256 },
            Some("1"),
            "how many cores at once",
        ),
        Param::optional(
            "duration",
            Kind::Duration { min: "5ms", max: "10s" },
            Some("100ms"),
            "how long a burst lasts",
        ),
        Param::optional(
            "period",
            Kind::Duration { min: "10ms", max: "10m" },
            Some("1s"),
            "from the begin of one burst to the next",
        ),
    ],
    filters: &[],
    acts: "a process of Squall joins all of the target's cgroups and burns there in every period",
    ends: "the worker dies with the agent, with its lease, or when it is told to",
    spares: "the target's own process; limits of its cgroups hold for the worker too",
    hit_word: "burst",
    tolerance: Tolerance::Own,
    conflicts: &["cpu.burr", "cpu.load"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for CpuBurr {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        if values.duration("duration") >= values.duration("period") {
            return vec![ValueIssue {
                code: "F030",
                key: "duration".to_owned(),
                at_key: false,
                message: "a burst is as long as its period".to_owned(),
                label: "it would never end".to_owned(),
                help: Some("choose a period longer than the duration, or use cpu.load".to_owned()),
                other: Some(("period".to_owned(), "the period".to_owned())),
            }];
        }
        Vec::new()
    }

    fn bound(&self, values: &Checked) -> Bound {
        let [percent, duration, period] =
            ["percent", "duration", "period"].map(|key| values.printed(key).unwrap_or_default());
        let cores = match values.integer("cores") {
            1 => "one core".to_owned(),
            cores => format!("{cores} cores"),
        };
        let text = format!("{percent} of {cores} is burned for {duration} in every {period}");
        // A target at its quota may answer nothing in time; assume the worst.
        Bound { text, per_mille_hurt: 1000 }
    }
}
