//! `go.grpc-status`: gRPC calls end with a status, unary and streams, in a server or in a client.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param};
use crate::inprocess::{self, InProcessFault};
use crate::mechanism::Own;
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &InProcessFault { about: &DESCRIPTION, bound };

static DESCRIPTION: Description = inprocess::MECHANISM.fault(Own {
    name: "go.grpc-status",
    summary: "gRPC calls end with a status",
    params: &[
        Param::optional(
            "code",
            Kind::Name,
            Some("UNAVAILABLE"),
            "the status code, by name or number",
        ),
        Param::optional(
            "message",
            Kind::Text { bytes_max: 1024 },
            Some("squall: go.grpc-status"),
            "its message",
        ),
        Param::optional(
            "details",
            Kind::Names,
            None,
            "reasons of google.rpc.ErrorInfo that go along",
        ),
        inprocess::SIDE,
        inprocess::SHARE,
        inprocess::REQUEST_ID,
        inprocess::IN_FLIGHT,
    ],
    filters: inprocess::REQUESTS,
    hit_word: "call failed",
    tolerance: Tolerance::Own,
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let code = values.printed("code").unwrap_or_default();
    inprocess::requests_hurt(values, &format!("ends with {code}"))
}
