//! `dns.delay`: questions are late.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dns;
use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::mechanism::Own;
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &DnsDelay;

struct DnsDelay;

static DESCRIPTION: Description = dns::MECHANISM.fault(Own {
    name: "dns.delay",
    summary: "names are answered late",
    params: &[
        Param::required("mean", Kind::Duration { min: "0s", max: "60s" }, "how late"),
        Param::optional(
            "jitter",
            Kind::Duration { min: "0s", max: "60s" },
            Some("0s"),
            "at most the mean; uniform around it",
        ),
        dns::SHARE,
    ],
    filters: dns::FILTERS,
    hit_word: "question delayed",
    tolerance: Tolerance::Absolute(5.0),
    conflicts: dns::CONFLICTS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for DnsDelay {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        let mut issues = dns::check(values);
        if values.duration("jitter") > values.duration("mean") {
            let mean = values.printed("mean").unwrap_or_default();
            issues.push(ValueIssue {
                code: "F012",
                key: "jitter".to_owned(),
                at_key: true,
                message: "jitter is larger than the mean".to_owned(),
                label: "a delay below zero is not possible".to_owned(),
                help: Some(format!("jitter: {mean} at most")),
                other: Some(("mean".to_owned(), "the mean".to_owned())),
            });
        }
        issues
    }

    fn bound(&self, values: &Checked) -> Bound {
        let (mean, jitter) = (values.printed("mean"), values.printed("jitter"));
        let (mean, jitter) = (mean.unwrap_or_default(), jitter.unwrap_or_default());
        let late = if values.duration("jitter").is_zero() {
            format!("are {mean} late")
        } else {
            format!("are {mean} late, {jitter} more or less")
        };
        dns::bound(values, &late)
    }
}
