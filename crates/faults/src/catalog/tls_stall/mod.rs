//! `tls.stall`: the handshake goes no further than the hello.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, ValueIssue};
use crate::mechanism::Own;
use crate::tls;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &TlsStall;

struct TlsStall;

static DESCRIPTION: Description = tls::MECHANISM.fault(Own {
    name: "tls.stall",
    summary: "handshakes never get an answer",
    params: &[tls::SHARE, tls::EXISTING],
    filters: tls::FILTERS,
    hit_word: "handshake stalled",
    tolerance: Tolerance::Own,
    conflicts: tls::CONFLICTS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for TlsStall {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        tls::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        tls::bound(values, "wait for an answer until the fault ends")
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        tls::fits(values, target)
    }
}
