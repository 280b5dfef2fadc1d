//! `http.reset`: connections of requests are reset.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, ValueIssue};
use crate::http;
use crate::mechanism::Own;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &HttpReset;

struct HttpReset;

static DESCRIPTION: Description = http::MECHANISM.fault(Own {
    name: "http.reset",
    summary: "requests end with a reset connection",
    params: &[http::SHARE, http::BY, http::SIDE, http::DIRECTION, http::EXISTING],
    filters: http::FILTERS,
    hit_word: "request reset",
    tolerance: Tolerance::Own,
    conflicts: &["http.reset"],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for HttpReset {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        http::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        http::bound(values, "cut off by a reset")
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        http::fits(values, target)
    }
}
