//! `cos`: returns the cosine of radians.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function =
    Function { name: "cos", summary: "Returns the cosine of radians.", body: Body::Each(f64::cos) };
