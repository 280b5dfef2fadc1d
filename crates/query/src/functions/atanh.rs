//! `atanh`: returns the inverse hyperbolic tangent.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "atanh",
    summary: "Returns the inverse hyperbolic tangent.",
    body: Body::Each(f64::atanh),
};
