//! `stdvar_over_time`: returns the variance of the values within the range.

use crate::function::{Body, Function};
use crate::statistics;

/// The function.
pub const FUNCTION: Function = Function {
    name: "stdvar_over_time",
    summary: "Returns the variance of the values within the range.",
    body: Body::Over(|window| Some(statistics::variance(&window.values().collect::<Vec<_>>()))),
};
