//! `stddev_over_time`: returns the standard deviation of the values within the range.

use crate::function::{Body, Function};
use crate::statistics;

/// The function.
pub const FUNCTION: Function = Function {
    name: "stddev_over_time",
    summary: "Returns the standard deviation of the values within the range.",
    body: Body::Over(|window| {
        Some(statistics::variance(&window.values().collect::<Vec<_>>()).sqrt())
    }),
};
