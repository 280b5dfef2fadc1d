//! `sqrt`: returns the square root.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function =
    Function { name: "sqrt", summary: "Returns the square root.", body: Body::Each(f64::sqrt) };
