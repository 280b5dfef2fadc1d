//! `net.corrupt`: packets of the target arrive damaged.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::traffic::{self, CORRELATION, FILTERS, SHARE};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &NetCorrupt;

struct NetCorrupt;

const PARAMS: &[Param] = &[
    SHARE,
    CORRELATION,
    Param::optional(
        "part",
        Kind::Word(&["payload", "header"]),
        Some("payload"),
        "payload: wrong data is read; header: the receiver drops the packet",
    ),
];

static DESCRIPTION: Description = Description {
    name: "net.corrupt",
    family: "network",
    summary: "packets arrive damaged",
    death: Death::KernelLink,
    params: PARAMS,
    filters: FILTERS,
    acts: "a tcx program changes a bit of the data, checksum included, or breaks the IP header",
    ends: "with its kernel links: kill -9 of the agent included; a lease that ran out ends it too",
    spares: "packets of others, ssh, everything but IP (ARP); Squall itself",
    hit_word: "packet damaged",
    tolerance: Tolerance::Own,
    conflicts: &["net.corrupt"],
    needs: &[Need::Root, Need::Cgroup2, Need::BpfTcx],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for NetCorrupt {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        traffic::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let share = values.printed("share").unwrap_or_default();
        let chosen = traffic::chosen("packets", values);
        let text = match values.word("part") {
            "header" => format!("{share} of {chosen} are dropped by their receiver as broken"),
            _ => format!("{share} of {chosen} carry wrong data"),
        };
        Bound { text, per_mille_hurt: traffic::per_mille(values.share("share")) }
    }
}
