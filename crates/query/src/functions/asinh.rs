//! `asinh`: returns the inverse hyperbolic sine.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "asinh",
    summary: "Returns the inverse hyperbolic sine.",
    body: Body::Each(f64::asinh),
};
