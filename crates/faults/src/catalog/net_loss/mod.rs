//! `net.loss`: packets of the target are lost.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Need, Param, ValueIssue};
use crate::traffic::{self, CORRELATION, DIRECTION, FILTERS, SHARE};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &NetLoss;

struct NetLoss;

const PARAMS: &[Param] = &[SHARE, CORRELATION, DIRECTION];

static DESCRIPTION: Description = Description {
    name: "net.loss",
    family: "network",
    summary: "packets are lost",
    death: Death::KernelLink,
    params: PARAMS,
    filters: FILTERS,
    acts: "BPF: leaving packets go nowhere by tcx, arriving ones end at the target's cgroup",
    ends: "with its kernel links: kill -9 of the agent included; a lease that ran out ends it too",
    spares: "packets of others, ssh, everything but IP (ARP); Squall itself",
    hit_word: "packet lost",
    tolerance: Tolerance::Own,
    conflicts: &["net.loss"],
    needs: &[Need::Root, Need::Cgroup2, Need::BpfCgroupSkb, Need::BpfTcx],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for NetLoss {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        traffic::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let share = values.printed("share").unwrap_or_default();
        let text = format!("{share} of {} are lost", traffic::chosen("packets", values));
        Bound { text, per_mille_hurt: traffic::per_mille(values.share("share")) }
    }
}
