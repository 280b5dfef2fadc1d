//! `go.http-error`: HTTP requests are answered with an error, in a handler or in a RoundTripper.

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
    name: "go.http-error",
    summary: "HTTP requests fail, inside the process",
    params: &[
        Param::optional(
            "status",
            Kind::Integer { min: 200, max: 599 },
            Some("500"),
            "the status that is answered",
        ),
        Param::optional("body", Kind::Text { bytes_max: 16384 }, None, "the body that is answered"),
        Param::optional(
            "fail",
            Kind::Word(&["status", "connection"]),
            Some("status"),
            "for side: client, an answer or no answer at all",
        ),
        inprocess::SIDE,
        inprocess::SHARE,
        inprocess::REQUEST_ID,
        inprocess::IN_FLIGHT,
    ],
    filters: inprocess::REQUESTS,
    hit_word: "request failed",
    tolerance: Tolerance::Own,
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let status = values.printed("status").unwrap_or_default();
    inprocess::requests_hurt(values, &format!("is answered with {status}"))
}
