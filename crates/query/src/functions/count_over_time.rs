//! `count_over_time`: counts the samples within the range.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "count_over_time",
    summary: "Counts the samples within the range.",
    body: Body::Over(|window| Some(window.samples.len() as f64)),
};
