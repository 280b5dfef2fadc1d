//! `go.grpc-delay`: gRPC calls are late, unary and streams, in a server or in a client.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault};
use crate::inprocess::{self, InProcessFault};
use crate::mechanism::Own;
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &InProcessFault { about: &DESCRIPTION, bound };

static DESCRIPTION: Description = inprocess::MECHANISM.fault(Own {
    name: "go.grpc-delay",
    summary: "gRPC calls are late, inside the process",
    params: &[
        inprocess::MEAN,
        inprocess::JITTER,
        inprocess::SIDE,
        inprocess::SHARE,
        inprocess::REQUEST_ID,
        inprocess::IN_FLIGHT,
    ],
    filters: inprocess::REQUESTS,
    hit_word: "call delayed",
    tolerance: Tolerance::Own,
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let late = values.printed("mean").unwrap_or_default();
    inprocess::requests_hurt(values, &format!("is {late} late"))
}
