//! `http.truncate`: bodies break off.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::http;
use crate::mechanism::Own;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &HttpTruncate;

struct HttpTruncate;

static DESCRIPTION: Description = http::MECHANISM.fault(Own {
    name: "http.truncate",
    summary: "bodies break off",
    params: &[
        Param::optional(
            "after",
            Kind::Bytes { min: "0B", max: "1GiB" },
            Some("0B"),
            "how much of the body passes",
        ),
        http::SHARE,
        http::BY,
        http::SIDE_RESPONSE,
        http::DIRECTION,
        http::EXISTING,
    ],
    filters: http::FILTERS,
    hit_word: "body cut",
    tolerance: Tolerance::Own,
    conflicts: &["http.truncate"],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for HttpTruncate {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        http::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        http::bound(values, "cut in its body")
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        http::fits(values, target)
    }
}
