//! `asin`: returns the arc sine in radians.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "asin",
    summary: "Returns the arc sine in radians.",
    body: Body::Each(f64::asin),
};
