//! `net.delay`: packets of the target are late.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::traffic::{self, CORRELATION, FILTERS, SHARE};
use crate::values::Checked;
use std::time::Duration;

/// The fault.
pub static FAULT: &dyn Fault = &NetDelay;

struct NetDelay;

const PARAMS: &[Param] = &[
    Param::required("mean", Kind::Duration { min: "100us", max: "10s" }, "how late"),
    Param::optional(
        "jitter",
        Kind::Duration { min: "0s", max: "10s" },
        Some("0s"),
        "how much the delays differ",
    ),
    Param::optional(
        "distribution",
        Kind::Word(&["uniform", "normal", "pareto"]),
        Some("uniform"),
        "uniform: mean ± jitter; else jitter is the standard deviation",
    ),
    Param { help: "how much one delay follows the last one", ..CORRELATION },
    Param { default: Some("100%"), required: false, ..SHARE },
];

static DESCRIPTION: Description = Description {
    name: "net.delay",
    family: "network",
    summary: "packets are late, with jitter",
    death: Death::KernelLink,
    params: PARAMS,
    filters: FILTERS,
    acts: "tcx leads packets that leave the target into a TAP device; Squall holds and returns them",
    ends: "with its holder: kill -9 included (what is held then is lost); a lease that ran out too",
    spares: "packets of others, ssh, everything but IP (ARP); Squall itself",
    hit_word: "packet delayed",
    tolerance: Tolerance::Own,
    conflicts: &["net.delay", "net.reorder"],
    needs: &[Need::Root, Need::Cgroup2, Need::BpfTcx, Need::Tap],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for NetDelay {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        let mut issues = traffic::check(values);
        let (mean, jitter) = (values.duration("mean"), values.duration("jitter"));
        if values.word("distribution") == "uniform" && jitter > mean {
            issues.push(ValueIssue {
                code: "F012",
                key: "jitter".to_owned(),
                at_key: true,
                message: "jitter is larger than the mean".to_owned(),
                label: "a negative delay is not possible".to_owned(),
                help: Some(format!("jitter: {} at most", values.printed("mean").unwrap_or("?"))),
                other: Some(("mean".to_owned(), "the mean".to_owned())),
            });
        }
        issues
    }

    fn bound(&self, values: &Checked) -> Bound {
        let (mean, jitter) = (values.duration("mean"), values.duration("jitter"));
        // What the shapes are cut off at.
        let most = match values.word("distribution") {
            "normal" => mean + jitter * 4,
            "pareto" => mean + jitter * 10,
            _ => mean + jitter,
        };
        let whom = match values.printed("share") {
            Some("100%") | None => traffic::chosen("packets", values),
            Some(share) => format!("{share} of {}", traffic::chosen("packets", values)),
        };
        let late = if jitter.is_zero() { shown(mean) } else { format!("up to {}", shown(most)) };
        // Whoever has given up meanwhile has failed; assume all have.
        let per_mille_hurt = traffic::per_mille(values.share("share"));
        Bound { text: format!("{whom} are {late} late"), per_mille_hurt }
    }
}

fn shown(time: Duration) -> String {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    squall_spec::units::Duration::from_nanos(nanos).to_string()
}
