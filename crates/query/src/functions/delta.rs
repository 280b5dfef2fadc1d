//! `delta`: returns a gauge's change over the range, stretched to the range's edges.

use crate::extrapolation;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "delta",
    summary: "Returns a gauge's change over the range, stretched to the range's edges.",
    body: Body::Over(|window| extrapolation::change(window, false)),
};
