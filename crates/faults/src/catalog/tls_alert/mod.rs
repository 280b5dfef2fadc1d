//! `tls.alert`: the hello is answered with a fatal alert.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::mechanism::Own;
use crate::tls;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &TlsAlert;

struct TlsAlert;

static DESCRIPTION: Description = tls::MECHANISM.fault(Own {
    name: "tls.alert",
    summary: "handshakes end with a fatal alert",
    params: &[
        Param {
            name: "alert",
            kind: Kind::Word(&[
                "handshake-failure",
                "unrecognized-name",
                "internal-error",
                "protocol-version",
                "access-denied",
                "certificate-required",
                "decode-error",
            ]),
            default: Some("handshake-failure"),
            required: false,
            help: "which one, by its name in RFC 8446",
        },
        tls::SHARE,
        tls::EXISTING,
    ],
    filters: tls::FILTERS,
    hit_word: "handshake ended by an alert",
    tolerance: Tolerance::Own,
    conflicts: tls::CONFLICTS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for TlsAlert {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        tls::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        tls::bound(values, &format!("end with the alert {}", values.word("alert")))
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        tls::fits(values, target)
    }
}
