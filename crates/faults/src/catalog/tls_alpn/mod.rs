//! `tls.alpn`: the server speaks none of the client's protocols.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::mechanism::Own;
use crate::tls;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &TlsAlpn;

struct TlsAlpn;

static DESCRIPTION: Description = tls::MECHANISM.fault(Own {
    name: "tls.alpn",
    summary: "no application protocol is agreed",
    params: &[
        Param::optional(
            "answer",
            Kind::Word(&["refuse", "none"]),
            Some("refuse"),
            "the alert for it, or a right handshake that chooses none; that needs authority",
        ),
        tls::AUTHORITY,
        tls::SHARE,
        tls::EXISTING,
    ],
    filters: tls::FILTERS,
    hit_word: "protocol not agreed",
    tolerance: Tolerance::Own,
    conflicts: tls::CONFLICTS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for TlsAlpn {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        let mut issues = tls::check(values);
        if values.word("answer") == "none" && !values.has("authority") {
            issues.push(ValueIssue {
                code: "F034",
                key: "answer".to_owned(),
                at_key: false,
                message: "without a test CA the certificate would be wrong as well".to_owned(),
                label: "needs \"authority\"".to_owned(),
                help: Some("authority: /etc/squall/test-ca.pem, or answer: refuse".to_owned()),
                other: None,
            });
        }
        issues
    }

    fn bound(&self, values: &Checked) -> Bound {
        tls::bound(values, "agree on no application protocol")
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        tls::fits(values, target)
    }
}
