//! `grpc.deadline`: calls have less time.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::http;
use crate::mechanism::Own;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &GrpcDeadline;

struct GrpcDeadline;

static DESCRIPTION: Description = http::MECHANISM.fault(Own {
    name: "grpc.deadline",
    summary: "calls carry a shorter deadline",
    params: &[
        Param::required(
            "at-most",
            Kind::Duration { min: "1us", max: "1h" },
            "what is left of the deadline",
        ),
        http::SHARE,
        http::BY,
        http::DIRECTION,
        http::EXISTING,
    ],
    filters: http::GRPC_FILTERS,
    hit_word: "deadline shortened",
    tolerance: Tolerance::Own,
    conflicts: &["grpc.deadline"],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for GrpcDeadline {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        http::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        http::bound(values, &format!("left {}", values.printed("at-most").unwrap_or_default()))
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        http::fits(values, target)
    }
}
