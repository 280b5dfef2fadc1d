//! `http.replace`: bodies are others.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::http;
use crate::mechanism::Own;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &HttpReplace;

struct HttpReplace;

static DESCRIPTION: Description = http::MECHANISM.fault(Own {
    name: "http.replace",
    summary: "bodies are replaced",
    params: &[
        Param::required("body", Kind::Text { bytes_max: 1024 }, "what is sent in its place"),
        Param::optional(
            "type",
            Kind::Text { bytes_max: 128 },
            None,
            "its content type; that of the message otherwise",
        ),
        http::SHARE,
        http::BY,
        http::SIDE_RESPONSE,
        http::DIRECTION,
        http::EXISTING,
    ],
    filters: http::FILTERS,
    hit_word: "body replaced",
    tolerance: Tolerance::Own,
    conflicts: &["http.replace"],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for HttpReplace {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        http::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        http::bound(values, "given another body")
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        http::fits(values, target)
    }
}
