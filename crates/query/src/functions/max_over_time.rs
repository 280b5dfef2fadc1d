//! `max_over_time`: returns the largest value within the range.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "max_over_time",
    summary: "Returns the largest value within the range.",
    body: Body::Over(|window| window.values().reduce(f64::max)),
};
