//! `tls.corrupt`: a hello arrives damaged.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Param, ValueIssue};
use crate::tls;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &TlsCorrupt;

struct TlsCorrupt;

static DESCRIPTION: Description = Description {
    name: "tls.corrupt",
    family: "tls",
    summary: "a hello arrives damaged",
    death: Death::KernelLink,
    params: &[
        Param {
            name: "hello",
            kind: Kind::Word(&["server", "client"]),
            default: Some("server"),
            required: false,
            help: "which of the two is damaged on its way",
        },
        tls::SHARE,
        tls::EXISTING,
    ],
    filters: tls::FILTERS,
    acts: tls::ACTS,
    ends: tls::ENDS,
    spares: tls::SPARES,
    hit_word: "hello damaged",
    tolerance: Tolerance::Own,
    conflicts: tls::CONFLICTS,
    needs: tls::NEEDS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

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
