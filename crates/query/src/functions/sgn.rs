//! `sgn`: returns the sign: -1, 0 or 1.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "sgn",
    summary: "Returns the sign: -1, 0 or 1.",
    body: Body::Each(|v| {
        if v > 0.0 {
            1.0
        } else if v < 0.0 {
            -1.0
        } else {
            v
        }
    }),
};
