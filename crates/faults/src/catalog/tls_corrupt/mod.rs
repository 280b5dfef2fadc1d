//! `tls.corrupt`: a hello arrives damaged.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::mechanism::Own;
use crate::tls;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &TlsCorrupt;

struct TlsCorrupt;

static DESCRIPTION: Description = tls::MECHANISM.fault(Own {
    name: "tls.corrupt",
    summary: "a hello arrives damaged",
    params: &[
        Param::optional(
            "hello",
            Kind::Word(&["server", "client"]),
            Some("server"),
            "which of the two is damaged on its way",
        ),
        tls::SHARE,
        tls::EXISTING,
    ],
    filters: tls::FILTERS,
    hit_word: "hello damaged",
    tolerance: Tolerance::Own,
    conflicts: tls::CONFLICTS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for TlsCorrupt {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        tls::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        tls::bound(values, &format!("fail by a damaged {} hello", values.word("hello")))
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        tls::fits(values, target)
    }
}
