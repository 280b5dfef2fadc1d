//! `sinh`: returns the hyperbolic sine.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function =
    Function { name: "sinh", summary: "Returns the hyperbolic sine.", body: Body::Each(f64::sinh) };
