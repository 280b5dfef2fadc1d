//! `http.abort`: requests are answered by the proxy.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::http;
use crate::mechanism::Own;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &HttpAbort;

struct HttpAbort;

static DESCRIPTION: Description = http::MECHANISM.fault(Own {
    name: "http.abort",
    summary: "requests get an error in place of an answer",
    params: &[
        Param::optional(
            "status",
            Kind::Integer { min: 200, max: 599 },
            Some("503"),
            "the status of the answer",
        ),
        Param::optional("body", Kind::Text { bytes_max: 1024 }, None, "its body; none otherwise"),
        Param::optional(
            "add",
            Kind::Pair,
            None,
            "a header of the answer, for example retry-after=1",
        ),
        http::SHARE,
        http::BY,
        http::SIDE,
        http::DIRECTION,
        http::EXISTING,
    ],
    filters: http::FILTERS,
    hit_word: "request answered with an error",
    tolerance: Tolerance::Own,
    conflicts: &["http.abort"],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for HttpAbort {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        let mut issues = http::check(values);
        let named = values.text("add").and_then(|pair| pair.split(['=', ':']).next());
        issues.extend(named.and_then(|name| http::check_header("add", name)));
        issues
    }

    fn bound(&self, values: &Checked) -> Bound {
        http::bound(values, &format!("answered with {}", values.integer("status")))
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        http::fits(values, target)
    }
}
