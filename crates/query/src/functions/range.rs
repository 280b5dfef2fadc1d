//! `range`: returns the time from a query's first evaluation to its last in seconds.

use crate::function::{Body, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "range",
    summary: "Returns the time from a query's first evaluation to its last in seconds.",
    body: Body::Whole(|call| {
        let context = call.context;
        Ok(Value::Scalar((context.end_ms - context.start_ms) as f64 / 1000.0))
    }),
};
