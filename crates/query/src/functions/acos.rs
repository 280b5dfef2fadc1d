//! `acos`: returns the arc cosine in radians.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "acos",
    summary: "Returns the arc cosine in radians.",
    body: Body::Each(f64::acos),
};
