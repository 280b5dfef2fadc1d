//! `floor`: rounds down to a whole number.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "floor",
    summary: "Rounds down to a whole number.",
    body: Body::Each(f64::floor),
};
