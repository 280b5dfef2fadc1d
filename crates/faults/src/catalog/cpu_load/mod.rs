//! `cpu.load`: burns CPU inside the target's own cgroup.

#[cfg(feature = "effects")]
pub(crate) mod burn;
#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &CpuLoad;

struct CpuLoad;

static DESCRIPTION: Description = Description {
    name: "cpu.load",
    family: "cpu",
    summary: "burns CPU inside the target's own cgroup",
    death: Death::Holder,
    params: &[
        Param::optional(
            "percent",
            Kind::Share { min_percent: 1.0, max_percent: 100.0 },
            Some("100%"),
            "of each core",
        ),
        Param::optional(
            "cores",
            Kind::Integer { min: 1, max: 256 },
            Some("1"),
            "how many cores at once",
        ),
        Param::optional(
            "ramp",
            Kind::Duration { min: "0", max: "1h" },
            Some("0s"),
            "how long it takes until the load is reached; it grows evenly",
        ),
    ],
    filters: &[],
    acts: "a process of Squall joins all of the target's cgroups and burns there",
    ends: "the worker dies with the agent, with its lease, or when it is told to",
    spares: "the target's own process; limits of its cgroups hold for the worker too",
    hit_word: "core loaded",
    tolerance: Tolerance::Own,
    conflicts: &["cpu.load"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for CpuLoad {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn bound(&self, values: &Checked) -> Bound {
        let percent = values.printed("percent").unwrap_or_default();
        let cores = match values.integer("cores") {
            1 => "one core".to_owned(),
            cores => format!("{cores} cores"),
        };
        // A target at its quota may answer nothing in time; assume the worst.
        Bound { text: format!("{percent} of {cores} at most is burned"), per_mille_hurt: 1000 }
    }
}
