//! `dns.truncate`: answers over UDP are cut, so that clients ask again over TCP.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dns;
use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, ValueIssue};
use crate::mechanism::Own;
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &DnsTruncate;

struct DnsTruncate;

static DESCRIPTION: Description = dns::MECHANISM.fault(Own {
    name: "dns.truncate",
    summary: "answers are cut, clients ask again over TCP",
    params: &[dns::SHARE],
    filters: dns::FILTERS,
    hit_word: "answer cut",
    tolerance: Tolerance::Own,
    conflicts: dns::CONFLICTS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for DnsTruncate {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        dns::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        // The right answer is there for whoever can ask over TCP; assume nobody can.
        dns::bound(values, "take a second round trip, over TCP")
    }
}
