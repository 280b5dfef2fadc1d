//! `dns.error`: questions are answered with an error.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dns;
use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::mechanism::Own;
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &DnsError;

struct DnsError;

static DESCRIPTION: Description = dns::MECHANISM.fault(Own {
    name: "dns.error",
    summary: "names are answered with an error",
    params: &[
        Param::optional(
            "rcode",
            Kind::Word(&["nxdomain", "servfail", "refused", "formerr", "notimp"]),
            Some("nxdomain"),
            "no such name, failed, will not, could not read it, does not do this",
        ),
        dns::SHARE,
    ],
    filters: dns::FILTERS,
    hit_word: "question answered with an error",
    tolerance: Tolerance::Own,
    conflicts: dns::CONFLICTS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for DnsError {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        dns::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let code = values.word("rcode").to_uppercase();
        dns::bound(values, &format!("are answered with {code}"))
    }
}
