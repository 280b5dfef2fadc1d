//! `sin`: returns the sine of radians.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function =
    Function { name: "sin", summary: "Returns the sine of radians.", body: Body::Each(f64::sin) };
