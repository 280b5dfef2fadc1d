//! `net.refuse`: connections of the target are refused.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::traffic::{self, ENDPOINT, SERVICE};
use crate::values::Checked;

#[cfg(feature = "effects")]
pub(crate) use effect::trial;

/// The fault.
pub static FAULT: &dyn Fault = &NetRefuse;

struct NetRefuse;

static DESCRIPTION: Description = Description {
    name: "net.refuse",
    family: "network",
    summary: "connections are refused (ECONNREFUSED)",
    death: Death::KernelLink,
    params: &[Param::optional(
        "share",
        Kind::Share { min_percent: 0.0001, max_percent: 100.0 },
        Some("100%"),
        "of the connections that match",
    )],
    filters: &[
        Param::optional("port", Kind::Ports, None, "only connections to these ports"),
        Param::optional("to", Kind::Cidrs, None, "only connections to these addresses"),
        Param::optional(
            "protocol",
            Kind::Word(&["tcp", "udp", "both"]),
            Some("tcp"),
            "a connected UDP socket is refused at connect too",
        ),
        Param {
            help: "only connections to these, each an address and a port; instead of to",
            ..ENDPOINT
        },
        Param {
            help: "only connections to the instances of this service, as the plan finds them",
            ..SERVICE
        },
    ],
    acts: "a BPF program on the target's cgroup answers connect() with ECONNREFUSED",
    ends: "with its kernel link: kill -9 of the agent included; a lease that ran out ends it too",
    spares: "open connections; every process that is not the target; Squall itself",
    hit_word: "connection refused",
    tolerance: Tolerance::Own,
    conflicts: &["net.refuse"],
    needs: &[Need::Root, Need::Cgroup2, Need::BpfCgroupConnect],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for NetRefuse {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        traffic::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let share = values.printed("share").unwrap_or_default();
        let whom = match (traffic::other_end(values), values.printed("port")) {
            (Some(to), Some(port)) => format!("connections to {to} port {port}"),
            (Some(to), None) => format!("connections to {to}"),
            (None, Some(port)) => format!("connections to port {port}"),
            (None, None) => "connections".to_owned(),
        };
        let all = values.share("share") >= 1.0;
        let text = if all {
            format!("all new {whom} are refused; open ones go on")
        } else {
            format!("{share} of new {whom} are refused; open ones go on")
        };
        // Whether a refused connection fails a request is up to the target; assume it does.
        let hurt = (values.share("share") * 1000.0).ceil();
        Bound { text, per_mille_hurt: if all { 1000 } else { hurt as u32 } }
    }
}
