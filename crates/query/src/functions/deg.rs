//! `deg`: turns radians into degrees.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "deg",
    summary: "Turns radians into degrees.",
    body: Body::Each(|v| v * 180.0 / std::f64::consts::PI),
};
