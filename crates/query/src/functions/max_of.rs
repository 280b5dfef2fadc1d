//! `max_of`: returns the larger of two scalars.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "max_of",
    summary: "Returns the larger of two scalars.",
    body: Body::Whole(max_of),
};

fn max_of(call: &Call<'_>) -> Result<Value, EvalError> {
    let (a, b) = (call.scalar(0)?, call.scalar(1)?);
    Ok(Value::Scalar(if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }))
}
