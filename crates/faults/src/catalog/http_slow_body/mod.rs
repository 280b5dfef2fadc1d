//! `http.slow-body`: bodies come slowly.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::http;
use crate::mechanism::Own;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &HttpSlowBody;

struct HttpSlowBody;

static DESCRIPTION: Description = http::MECHANISM.fault(Own {
    name: "http.slow-body",
    summary: "bodies come at a trickle",
    params: &[
        Param::required("rate", Kind::ByteRate { min: "1B/s", max: "1GiB/s" }, "how fast"),
        http::SHARE,
        http::BY,
        http::SIDE_RESPONSE,
        http::DIRECTION,
        http::EXISTING,
    ],
    filters: http::FILTERS,
    hit_word: "body slowed",
    tolerance: Tolerance::Own,
    conflicts: &["http.slow-body"],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for HttpSlowBody {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        http::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        http::bound(values, &format!("answered at {}", values.printed("rate").unwrap_or_default()))
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        http::fits(values, target)
    }
}
