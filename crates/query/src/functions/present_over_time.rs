//! `present_over_time`: returns 1 for each series with a sample within the range.

use crate::function::{Body, Function};
use crate::value::Datum;

/// The function.
pub const FUNCTION: Function = Function {
    name: "present_over_time",
    summary: "Returns 1 for each series with a sample within the range.",
    body: Body::OverBoth(|_| Some(Datum::Float(1.0))),
};
