//! `tanh`: returns the hyperbolic tangent.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "tanh",
    summary: "Returns the hyperbolic tangent.",
    body: Body::Each(f64::tanh),
};
