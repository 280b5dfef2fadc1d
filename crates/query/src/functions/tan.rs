//! `tan`: returns the tangent of radians.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "tan",
    summary: "Returns the tangent of radians.",
    body: Body::Each(f64::tan),
};
