//! `sum_over_time`: returns the sum of the values within the range.

use crate::function::{Body, Function};
use crate::statistics;

/// The function.
pub const FUNCTION: Function = Function {
    name: "sum_over_time",
    summary: "Returns the sum of the values within the range.",
    body: Body::Over(|window| Some(statistics::sum(window.values()))),
};
