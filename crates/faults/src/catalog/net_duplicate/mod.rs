//! `net.duplicate`: packets of the target arrive twice.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Need, Param, ValueIssue};
use crate::traffic::{self, CORRELATION, FILTERS, SHARE};
use crate::values::Checked;

#[cfg(feature = "effects")]
pub(crate) use effect::trial;

/// The fault.
pub static FAULT: &dyn Fault = &NetDuplicate;

struct NetDuplicate;

const PARAMS: &[Param] = &[SHARE, CORRELATION];

static DESCRIPTION: Description = Description {
    name: "net.duplicate",
    family: "network",
    summary: "packets arrive twice",
    death: Death::KernelLink,
    params: PARAMS,
    filters: FILTERS,
    acts: "a tcx program sends a copy of chosen packets that leave the target",
    ends: "with its kernel links: kill -9 of the agent included; a lease that ran out ends it too",
    spares: "packets of others, ssh, everything but IP (ARP); Squall itself",
    hit_word: "packet doubled",
    tolerance: Tolerance::Own,
    conflicts: &["net.duplicate"],
    needs: &[Need::Root, Need::Cgroup2, Need::BpfTcx],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for NetDuplicate {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        traffic::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let share = values.printed("share").unwrap_or_default();
        let text = format!("{share} of {} arrive twice", traffic::chosen("packets", values));
        Bound { text, per_mille_hurt: traffic::per_mille(values.share("share")) }
    }
}
