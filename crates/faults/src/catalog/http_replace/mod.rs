//! `http.replace`: bodies are others.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Param, ValueIssue};
use crate::http;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &HttpReplace;

struct HttpReplace;

static DESCRIPTION: Description = Description {
    name: "http.replace",
    family: http::FAMILY,
    summary: "bodies are replaced",
    death: Death::KernelLink,
    params: &[
        Param {
            name: "body",
            kind: Kind::Text { bytes_max: 1024 },
            default: None,
            required: true,
            help: "what is sent in its place",
        },
        Param {
            name: "type",
            kind: Kind::Text { bytes_max: 128 },
            default: None,
            required: false,
            help: "its content type; that of the message otherwise",
        },
        http::SHARE,
        http::BY,
        http::SIDE_RESPONSE,
        http::DIRECTION,
        http::EXISTING,
    ],
    filters: http::FILTERS,
    acts: http::ACTS,
    ends: http::ENDS,
    spares: http::SPARES,
    hit_word: "body replaced",
    tolerance: Tolerance::Own,
    conflicts: &["http.replace"],
    needs: http::NEEDS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

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
