//! `increase`: returns a counter's increase over the range, stretched to the range's edges.

use crate::extrapolation;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "increase",
    summary: "Returns a counter's increase over the range, stretched to the range's edges.",
    body: Body::OverBoth(|window| extrapolation::change_of(window, true, 1.0)),
};
