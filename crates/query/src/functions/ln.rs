//! `ln`: returns the natural logarithm.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function =
    Function { name: "ln", summary: "Returns the natural logarithm.", body: Body::Each(f64::ln) };
