//! `count_over_time`: counts the samples within the range.

use crate::function::{Body, Function};
use crate::value::Datum;

/// The function.
pub const FUNCTION: Function = Function {
    name: "count_over_time",
    summary: "Counts the samples within the range.",
    body: Body::OverBoth(|window| Some(Datum::Float(window.len() as f64))),
};
