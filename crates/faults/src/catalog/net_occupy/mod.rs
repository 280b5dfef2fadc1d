//! `net.occupy`: the target's port is in use when it wants it.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::traffic;
use crate::values::Checked;

#[cfg(feature = "effects")]
pub(crate) use effect::trial;

/// The fault.
pub static FAULT: &dyn Fault = &NetOccupy;

struct NetOccupy;

static DESCRIPTION: Description = Description {
    name: "net.occupy",
    family: "network",
    summary: "a port is in use (bind gives EADDRINUSE)",
    death: Death::KernelLink,
    params: &[],
    filters: &[
        Param::required("port", Kind::Ports, "the ports that are in use"),
        Param::optional(
            "protocol",
            Kind::Word(&["tcp", "udp", "both"]),
            Some("tcp"),
            "whose ports",
        ),
    ],
    acts: "a BPF program on the target's cgroup answers bind() with EADDRINUSE",
    ends: "with its kernel link: kill -9 of the agent included; a lease that ran out ends it too",
    spares: "what listens already; every process that is not the target; Squall itself",
    hit_word: "bind refused",
    tolerance: Tolerance::Own,
    conflicts: &["net.occupy"],
    needs: &[Need::Root, Need::Cgroup2, Need::BpfCgroupBind],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for NetOccupy {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        traffic::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let ports = values.printed("port").unwrap_or_default();
        Bound { text: format!("the target cannot listen anew on {ports}"), per_mille_hurt: 1_000 }
    }
}
