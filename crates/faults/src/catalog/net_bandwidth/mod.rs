//! `net.bandwidth`: what leaves the target goes at most at a rate.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::traffic::{self, FILTERS};
use crate::values::Checked;

#[cfg(feature = "effects")]
pub(crate) use effect::trial;

/// The fault.
pub static FAULT: &dyn Fault = &NetBandwidth;

struct NetBandwidth;

static DESCRIPTION: Description = Description {
    name: "net.bandwidth",
    family: "network",
    summary: "what leaves goes at most at a rate",
    death: Death::Receipt,
    params: &[Param::required(
        "rate",
        Kind::ByteRate { min: "8kbit/s", max: "10Gbit/s" },
        "on the wire, headers included; for each network device",
    )],
    filters: FILTERS,
    acts: "tcx gives chosen packets a priority; an HTB queue on the device shapes that class alone",
    ends: "with its kernel links, kill -9 included; the inert queue goes by the receipt",
    spares: "packets of others, ssh; Squall itself",
    hit_word: "wait for the rate",
    tolerance: Tolerance::Own,
    conflicts: &["net.bandwidth"],
    needs: &[Need::Root, Need::Cgroup2, Need::BpfTcx, Need::Htb],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for NetBandwidth {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        traffic::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let (rate, chosen) = (values.printed("rate"), traffic::chosen("packets", values));
        let text = format!("{chosen} leave at {} at most", rate.unwrap_or_default());
        // Whoever waits too long has failed; assume all do.
        Bound { text, per_mille_hurt: 1_000 }
    }
}
