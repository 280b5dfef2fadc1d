//! `go.context-shrink`: the deadline of a request's context is cut.

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
    name: "go.context-shrink",
    summary: "the request's context ends early",
    params: &[
        Param::optional(
            "deadline",
            Kind::Duration { min: "1ms", max: "10m" },
            Some("50ms"),
            "how long the context lasts",
        ),
        Param::optional(
            "side",
            Kind::Word(&["http-server", "grpc-server", "http-client", "grpc-client"]),
            Some("http-server"),
            "requests it serves, or calls it makes",
        ),
        inprocess::SHARE,
        inprocess::REQUEST_ID,
        inprocess::IN_FLIGHT,
    ],
    filters: inprocess::REQUESTS,
    hit_word: "context cut",
    tolerance: Tolerance::Own,
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let deadline = values.printed("deadline").unwrap_or_default();
    inprocess::requests_hurt(values, &format!("has {deadline} left"))
}
