//! `delta`: returns a gauge's change over the range, stretched to the range's edges.

use crate::extrapolation;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "delta",
    summary: "Returns a gauge's change over the range, stretched to the range's edges.",
    body: Body::OverBoth(|window| extrapolation::change_of(window, false, 1.0)),
};
