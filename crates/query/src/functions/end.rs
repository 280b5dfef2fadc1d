//! `end`: returns the query's last evaluation time in seconds.

use crate::function::{Body, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "end",
    summary: "Returns the query's last evaluation time in seconds.",
    body: Body::Whole(|call| Ok(Value::Scalar(call.context.end_ms as f64 / 1000.0))),
};
