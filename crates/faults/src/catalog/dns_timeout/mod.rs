//! `dns.timeout`: questions are never answered.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dns;
use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, ValueIssue};
use crate::mechanism::Own;
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &DnsTimeout;

struct DnsTimeout;

static DESCRIPTION: Description = dns::MECHANISM.fault(Own {
    name: "dns.timeout",
    summary: "names are never answered",
    params: &[dns::SHARE],
    filters: dns::FILTERS,
    hit_word: "question lost",
    tolerance: Tolerance::Own,
    conflicts: dns::CONFLICTS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for DnsTimeout {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        dns::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        dns::bound(values, "are never answered")
    }
}
