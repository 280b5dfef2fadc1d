//! `tls.close`: the connection is closed after the hello.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::mechanism::Own;
use crate::tls;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &TlsClose;

struct TlsClose;

static DESCRIPTION: Description = tls::MECHANISM.fault(Own {
    name: "tls.close",
    summary: "connections are closed after the hello",
    params: &[
        Param::optional(
            "how",
            Kind::Word(&["fin", "reset"]),
            Some("fin"),
            "in order, or with a reset",
        ),
        tls::SHARE,
        tls::EXISTING,
    ],
    filters: tls::FILTERS,
    hit_word: "connection closed after the hello",
    tolerance: Tolerance::Own,
    conflicts: tls::CONFLICTS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for TlsClose {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        tls::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let how = if values.word("how") == "reset" { "reset" } else { "closed" };
        tls::bound(values, &format!("are {how} after the hello"))
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        tls::fits(values, target)
    }
}
