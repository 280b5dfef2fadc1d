//! `avg_over_time`: returns the mean of the values within the range.

use crate::function::{Body, Function};
use crate::statistics;

/// The function.
pub const FUNCTION: Function = Function {
    name: "avg_over_time",
    summary: "Returns the mean of the values within the range.",
    body: Body::Over(|window| Some(statistics::mean(&window.values().collect::<Vec<_>>()))),
};
