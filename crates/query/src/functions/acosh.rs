//! `acosh`: returns the inverse hyperbolic cosine.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "acosh",
    summary: "Returns the inverse hyperbolic cosine.",
    body: Body::Each(f64::acosh),
};
