//! `exp`: returns e to the power of the value.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "exp",
    summary: "Returns e to the power of the value.",
    body: Body::Each(f64::exp),
};
