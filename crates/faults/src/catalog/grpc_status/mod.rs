//! `grpc.status`: calls end with a status of the proxy.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::http;
use crate::mechanism::Own;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &GrpcStatus;

struct GrpcStatus;

/// The codes but OK, in the order of their numbers, which begin with 1.
pub(crate) const CODES: &[&str] = &[
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

static DESCRIPTION: Description = http::MECHANISM.fault(Own {
    name: "grpc.status",
    summary: "calls end with a status",
    params: &[
        Param::optional("code", Kind::Word(CODES), Some("UNAVAILABLE"), "the code"),
        Param::optional("message", Kind::Text { bytes_max: 1024 }, None, "the message"),
        Param::optional("reason", Kind::Name, None, "the reason of an ErrorInfo among the details"),
        Param::optional("domain", Kind::Glob, None, "its domain"),
        Param::optional(
            "retry-after",
            Kind::Duration { min: "1ms", max: "1h" },
            None,
            "the delay of a RetryInfo among the details",
        ),
        http::SHARE,
        http::BY,
        http::SIDE,
        http::DIRECTION,
        http::EXISTING,
    ],
    filters: http::GRPC_FILTERS,
    hit_word: "call ended with a status",
    tolerance: Tolerance::Own,
    conflicts: &["grpc.status"],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for GrpcStatus {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        let mut issues = http::check(values);
        if values.text("domain").is_some() && values.text("reason").is_none() {
            issues.push(ValueIssue {
                code: "F026",
                key: "domain".to_owned(),
                at_key: true,
                message: "a domain belongs to a reason".to_owned(),
                label: "without reason".to_owned(),
                help: Some("reason: OUT_OF_STOCK".to_owned()),
                other: None,
            });
        }
        issues
    }

    fn bound(&self, values: &Checked) -> Bound {
        http::bound(values, &format!("ended with {}", values.word("code")))
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        http::fits(values, target)
    }
}
