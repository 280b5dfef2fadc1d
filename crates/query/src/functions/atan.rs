//! `atan`: returns the arc tangent in radians.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "atan",
    summary: "Returns the arc tangent in radians.",
    body: Body::Each(f64::atan),
};
