//! `grpc.trailers`: answers lose their trailers.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, ValueIssue};
use crate::http;
use crate::mechanism::Own;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &GrpcTrailers;

struct GrpcTrailers;

static DESCRIPTION: Description = http::MECHANISM.fault(Own {
    name: "grpc.trailers",
    summary: "answers come without their trailers",
    params: &[http::SHARE, http::BY, http::DIRECTION, http::EXISTING],
    filters: http::GRPC_FILTERS,
    hit_word: "trailers lost",
    tolerance: Tolerance::Own,
    conflicts: &["grpc.trailers"],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for GrpcTrailers {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        http::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        http::bound(values, "answered without a status")
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        http::fits(values, target)
    }
}
