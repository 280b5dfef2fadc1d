//! `http.slow-body`: bodies come slowly.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Param, ValueIssue};
use crate::http;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &HttpSlowBody;

struct HttpSlowBody;

static DESCRIPTION: Description = Description {
    name: "http.slow-body",
    family: http::FAMILY,
    summary: "bodies come at a trickle",
    death: Death::KernelLink,
    params: &[
        Param {
            name: "rate",
            kind: Kind::ByteRate { min: "1B/s", max: "1GiB/s" },
            default: None,
            required: true,
            help: "how fast",
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
    hit_word: "body slowed",
    tolerance: Tolerance::Own,
    conflicts: &["http.slow-body"],
    needs: http::NEEDS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

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
