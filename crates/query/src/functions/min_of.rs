//! `min_of`: returns the smaller of two scalars.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "min_of",
    summary: "Returns the smaller of two scalars.",
    body: Body::Whole(min_of),
};

fn min_of(call: &Call<'_>) -> Result<Value, EvalError> {
    let (a, b) = (call.scalar(0)?, call.scalar(1)?);
    Ok(Value::Scalar(if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }))
}
