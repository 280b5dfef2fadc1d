//! `min_over_time`: returns the smallest value within the range.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "min_over_time",
    summary: "Returns the smallest value within the range.",
    body: Body::Over(|window| window.values().reduce(f64::min)),
};
