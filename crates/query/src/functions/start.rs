//! `start`: returns the query's first evaluation time in seconds.

use crate::function::{Body, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "start",
    summary: "Returns the query's first evaluation time in seconds.",
    body: Body::Whole(|call| Ok(Value::Scalar(call.context.start_ms as f64 / 1000.0))),
};
