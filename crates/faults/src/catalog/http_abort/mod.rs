//! `http.abort`: requests are answered by the proxy.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Param, ValueIssue};
use crate::http;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &HttpAbort;

struct HttpAbort;

static DESCRIPTION: Description = Description {
    name: "http.abort",
    family: http::FAMILY,
    summary: "requests get an error in place of an answer",
    death: Death::KernelLink,
    params: &[
        Param {
            name: "status",
            kind: Kind::Integer { min: 200, max: 599 },
            default: Some("503"),
            required: false,
            help: "the status of the answer",
        },
        Param {
            name: "body",
            kind: Kind::Text { bytes_max: 1024 },
            default: None,
            required: false,
            help: "its body; none otherwise",
        },
        Param {
            name: "add",
            kind: Kind::Pair,
            default: None,
            required: false,
            help: "a header of the answer, for example retry-after=1",
        },
        http::SHARE,
        http::BY,
        http::SIDE,
        http::DIRECTION,
        http::EXISTING,
    ],
    filters: http::FILTERS,
    acts: http::ACTS,
    ends: http::ENDS,
    spares: http::SPARES,
    hit_word: "request answered with an error",
    tolerance: Tolerance::Own,
    conflicts: &["http.abort"],
    needs: http::NEEDS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

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
