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
        Param {
            name: "percent",
            kind: Kind::Share { min_percent: 1.0, max_percent: 100.0 },
            default: Some("100%"),
            required: false,
            help: "of each core, while a burst lasts",
        },
        Param {
            name: "cores",
            kind: Kind::Integer { min: 1, max: 256 },
            default: Some("1"),
            required: false,
            help: "how many cores at once",
        },
        Param {
            name: "duration",
            kind: Kind::Duration { min: "5ms", max: "10s" },
            default: Some("100ms"),
            required: false,
            help: "how long a burst lasts",
        },
        Param {
            name: "period",
            kind: Kind::Duration { min: "10ms", max: "10m" },
            default: Some("1s"),
            required: false,
            help: "from the begin of one burst to the next",
        },
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
