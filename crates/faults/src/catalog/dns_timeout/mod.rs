//! `dns.timeout`: questions are never answered.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dns;
use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, ValueIssue};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &DnsTimeout;

struct DnsTimeout;

static DESCRIPTION: Description = Description {
    name: "dns.timeout",
    family: "dns",
    summary: "names are never answered",
    death: Death::KernelLink,
    params: &[dns::SHARE],
    filters: dns::FILTERS,
    acts: dns::ACTS,
    ends: dns::ENDS,
    spares: dns::SPARES,
    hit_word: "question lost",
    tolerance: Tolerance::Own,
    conflicts: dns::CONFLICTS,
    needs: dns::NEEDS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

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
