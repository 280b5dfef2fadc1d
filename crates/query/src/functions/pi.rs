//! `pi`: returns the number pi.

use crate::function::{Body, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "pi",
    summary: "Returns the number pi.",
    body: Body::Whole(|_| Ok(Value::Scalar(std::f64::consts::PI))),
};
