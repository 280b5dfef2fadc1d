//! `net.reorder`: packets of the target arrive in another order.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::traffic::{self, CORRELATION, FILTERS, SHARE};
use crate::values::Checked;

#[cfg(feature = "effects")]
pub(crate) use effect::trial;

/// The fault.
pub static FAULT: &dyn Fault = &NetReorder;

struct NetReorder;

const PARAMS: &[Param] = &[
    Param {
        kind: Kind::Share { min_percent: 0.0001, max_percent: 99.0 },
        help: "of the packets that match, held so that others overtake them",
        ..SHARE
    },
    CORRELATION,
    Param::optional(
        "gap",
        Kind::Duration { min: "100us", max: "10s" },
        Some("10ms"),
        "how long they are held",
    ),
];

static DESCRIPTION: Description = Description {
    name: "net.reorder",
    family: "network",
    summary: "packets arrive in another order",
    death: Death::KernelLink,
    params: PARAMS,
    filters: FILTERS,
    acts: "tcx leads chosen packets into a TAP device; Squall returns them when others have passed",
    ends: "with its holder: kill -9 included (what is held then is lost); a lease that ran out too",
    spares: "packets of others, ssh, everything but IP (ARP); Squall itself",
    hit_word: "packet overtaken",
    tolerance: Tolerance::Own,
    conflicts: &["net.delay", "net.reorder"],
    needs: &[Need::Root, Need::Cgroup2, Need::BpfTcx, Need::Tap],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for NetReorder {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        traffic::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let printed = |key| values.printed(key).unwrap_or_default();
        let chosen = traffic::chosen("packets", values);
        let text = format!("{} of {chosen} arrive {} later", printed("share"), printed("gap"));
        Bound { text, per_mille_hurt: traffic::per_mille(values.share("share")) }
    }
}
