//! `log10`: returns the decimal logarithm.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "log10",
    summary: "Returns the decimal logarithm.",
    body: Body::Each(f64::log10),
};
