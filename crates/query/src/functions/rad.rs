//! `rad`: turns degrees into radians.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "rad",
    summary: "Turns degrees into radians.",
    body: Body::Each(|v| v * std::f64::consts::PI / 180.0),
};
