//! `go.panic`: a handler panics, recovered by the framework or by nobody.

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
    name: "go.panic",
    summary: "a handler panics",
    params: &[
        Param::optional(
            "message",
            Kind::Text { bytes_max: 1024 },
            Some("asked for"),
            "what it panics with",
        ),
        Param::optional(
            "recovered",
            Kind::Word(&["yes", "no"]),
            Some("yes"),
            "in the handler, where net/http or the framework recovers; or where nobody does",
        ),
        inprocess::SHARE,
        inprocess::REQUEST_ID,
        inprocess::IN_FLIGHT,
    ],
    filters: inprocess::REQUESTS,
    hit_word: "panic",
    tolerance: Tolerance::Own,
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let how = match values.word("recovered") {
        "no" => "ends the process",
        _ => "panics in its handler",
    };
    inprocess::requests_hurt(values, how)
}
