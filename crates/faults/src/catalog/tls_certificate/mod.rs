//! `tls.certificate`: somebody else answers, with a certificate that must be refused.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::mechanism::Own;
use crate::tls;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &TlsCertificate;

struct TlsCertificate;

static DESCRIPTION: Description = tls::MECHANISM.fault(Own {
    name: "tls.certificate",
    summary: "a wrong certificate is shown",
    params: &[
        Param::optional(
            "wrong",
            Kind::Word(&["unknown-issuer", "expired", "name"]),
            Some("unknown-issuer"),
            "who signed it, when it ran out, or whom it is for",
        ),
        tls::AUTHORITY,
        tls::SHARE,
        tls::EXISTING,
    ],
    filters: tls::FILTERS,
    hit_word: "wrong certificate shown",
    tolerance: Tolerance::Own,
    conflicts: tls::CONFLICTS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for TlsCertificate {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        tls::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let wrong = values.word("wrong");
        tls::bound(values, &format!("are shown a certificate that is wrong ({wrong})"))
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        tls::fits(values, target)
    }
}
