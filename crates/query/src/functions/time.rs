//! `time`: returns the evaluation time in seconds since the Unix epoch.

use crate::function::{Body, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "time",
    summary: "Returns the evaluation time in seconds since the Unix epoch.",
    body: Body::Whole(|call| Ok(Value::Scalar(call.context.at_ms as f64 / 1000.0))),
};
