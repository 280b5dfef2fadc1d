//! `grpc.cut`: streams break.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::http;
use crate::mechanism::Own;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &GrpcCut;

struct GrpcCut;

static DESCRIPTION: Description = http::MECHANISM.fault(Own {
    name: "grpc.cut",
    summary: "streams break after some messages",
    params: &[
        Param::optional(
            "messages",
            Kind::Integer { min: 0, max: 1_000_000 },
            Some("0"),
            "how many messages of that side pass",
        ),
        http::SHARE,
        http::BY,
        http::SIDE_RESPONSE,
        http::DIRECTION,
        http::EXISTING,
    ],
    filters: http::GRPC_FILTERS,
    hit_word: "stream cut",
    tolerance: Tolerance::Own,
    conflicts: &["grpc.cut"],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for GrpcCut {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        http::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        http::bound(values, &format!("cut after {} messages", values.integer("messages")))
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        http::fits(values, target)
    }
}
