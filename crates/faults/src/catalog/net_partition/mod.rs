//! `net.partition`: the target is cut off; nothing arrives, nothing leaves, nobody is told.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::traffic::{self, FILTERS};
use crate::values::Checked;

#[cfg(feature = "effects")]
pub(crate) use effect::trial;

/// The fault.
pub static FAULT: &dyn Fault = &NetPartition;

struct NetPartition;

const PARAMS: &[Param] = &[Param::optional(
    "direction",
    Kind::Word(&["both", "out", "in"]),
    Some("both"),
    "both, only what leaves the target, or only what arrives",
)];

static DESCRIPTION: Description = Description {
    name: "net.partition",
    family: "network",
    summary: "the target is cut off, without a word",
    death: Death::KernelLink,
    params: PARAMS,
    filters: FILTERS,
    acts: "BPF programs on the target's cgroup drop its packets, both ways",
    ends: "with its kernel links: kill -9 of the agent included; a lease that ran out ends it too",
    spares: "packets of others, ssh; Squall itself",
    hit_word: "packet dropped",
    tolerance: Tolerance::Own,
    conflicts: &["net.partition"],
    needs: &[Need::Root, Need::Cgroup2, Need::BpfCgroupSkb],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for NetPartition {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        traffic::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let chosen = traffic::chosen("packets", values);
        let text = match values.word("direction") {
            "in" => format!("{chosen} do not arrive"),
            "out" => format!("{chosen} do not leave"),
            _ => format!("{chosen} neither arrive nor leave"),
        };
        Bound { text, per_mille_hurt: 1_000 }
    }
}
