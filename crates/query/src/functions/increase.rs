//! `increase`: returns a counter's increase over the range, stretched to the range's edges.

use crate::extrapolation;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "increase",
    summary: "Returns a counter's increase over the range, stretched to the range's edges.",
    body: Body::Over(|window| extrapolation::change(window, true)),
};
