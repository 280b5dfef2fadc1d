//! `net.limit`: only so many connections can be open at the same time.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::traffic::{self, PEER};
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &NetLimit;

struct NetLimit;

static DESCRIPTION: Description = Description {
    name: "net.limit",
    family: "network",
    summary: "only so many connections can be open",
    death: Death::KernelLink,
    params: &[
        Param::required(
            "connections",
            Kind::Integer { min: 0, max: 1_000_000 },
            "as many may be open at the same time, open ones counted",
        ),
        Param::optional(
            "direction",
            Kind::Word(&["in", "out"]),
            Some("in"),
            "in: to the target's port; out: from the target to this port",
        ),
    ],
    filters: &[
        Param::required("port", Kind::Ports, "the ports whose connections are counted together"),
        Param { help: "only connections with these addresses are refused", ..PEER },
    ],
    acts: "BPF: sk_lookup or the connect hook refuses one more, sockops counts those that end",
    ends: "with its kernel links: kill -9 of the agent included; a lease that ran out ends it too",
    spares: "open connections; other ports; ssh; Squall itself",
    hit_word: "connection refused",
    tolerance: Tolerance::Own,
    conflicts: &["net.limit"],
    needs: &[Need::Root, Need::Cgroup2, Need::BpfSkLookup, Need::BpfCgroupConnect],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for NetLimit {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        traffic::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let printed = |key| values.printed(key).unwrap_or_default();
        let (most, port) = (printed("connections"), printed("port"));
        let text = format!("connections of port {port} beyond {most} are refused");
        Bound { text, per_mille_hurt: 1_000 }
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        let listens = |port: &u16| target.listening.iter().any(|local| local.port() == *port);
        if values.word("direction") == "in" && !values.ports("port").iter().any(listens) {
            return Err(format!("{} listens on none of these ports", target.name));
        }
        Ok(())
    }
}
