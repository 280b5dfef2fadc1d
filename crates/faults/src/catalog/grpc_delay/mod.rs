//! `grpc.delay`: calls or answers are late.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, ValueIssue};
use crate::http::{self, delay};
use crate::mechanism::Own;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &GrpcDelay;

struct GrpcDelay;

static DESCRIPTION: Description = http::MECHANISM.fault(Own {
    name: "grpc.delay",
    summary: "calls or their answers are late",
    params: &[
        delay::MEAN,
        delay::JITTER,
        delay::DISTRIBUTION,
        http::SHARE,
        http::BY,
        http::SIDE,
        http::DIRECTION,
        http::EXISTING,
    ],
    filters: http::GRPC_FILTERS,
    hit_word: "call delayed",
    tolerance: Tolerance::Own,
    conflicts: &["grpc.delay"],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for GrpcDelay {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        let mut issues = http::check(values);
        issues.extend(delay::check(values));
        issues
    }

    fn bound(&self, values: &Checked) -> Bound {
        delay::worst(values)
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        http::fits(values, target)
    }
}
