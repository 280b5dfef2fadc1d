//! `cosh`: returns the hyperbolic cosine.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "cosh",
    summary: "Returns the hyperbolic cosine.",
    body: Body::Each(f64::cosh),
};
