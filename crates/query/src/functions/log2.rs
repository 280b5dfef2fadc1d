//! `log2`: returns the binary logarithm.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "log2",
    summary: "Returns the binary logarithm.",
    body: Body::Each(f64::log2),
};
