//! `http.truncate`: bodies break off.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Param, ValueIssue};
use crate::http;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &HttpTruncate;

struct HttpTruncate;

static DESCRIPTION: Description = Description {
    name: "http.truncate",
    family: http::FAMILY,
    summary: "bodies break off",
    death: Death::KernelLink,
    params: &[
        Param {
            name: "after",
            kind: Kind::Bytes { min: "0B", max: "1GiB" },
            default: Some("0B"),
            required: false,
            help: "how much of the body passes",
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
    hit_word: "body cut",
    tolerance: Tolerance::Own,
    conflicts: &["http.truncate"],
    needs: http::NEEDS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

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
