//! `step`: returns the time between a query's evaluations in seconds, 0 for an instant.

use crate::function::{Body, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "step",
    summary: "Returns the time between a query's evaluations in seconds, 0 for an instant.",
    body: Body::Whole(|call| Ok(Value::Scalar(call.context.step_ms as f64 / 1000.0))),
};
