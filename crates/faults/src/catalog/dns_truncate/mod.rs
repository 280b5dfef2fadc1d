//! `dns.truncate`: answers over UDP are cut, so that clients ask again over TCP.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dns;
use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, ValueIssue};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &DnsTruncate;

struct DnsTruncate;

static DESCRIPTION: Description = Description {
    name: "dns.truncate",
    family: "dns",
    summary: "answers are cut, clients ask again over TCP",
    death: Death::KernelLink,
    params: &[dns::SHARE],
    filters: dns::FILTERS,
    acts: dns::ACTS,
    ends: dns::ENDS,
    spares: dns::SPARES,
    hit_word: "answer cut",
    tolerance: Tolerance::Own,
    conflicts: dns::CONFLICTS,
    needs: dns::NEEDS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

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
