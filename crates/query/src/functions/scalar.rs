//! `scalar`: turns a vector of one element into a scalar, any other into NaN.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "scalar",
    summary: "Turns a vector of one element into a scalar, any other into NaN.",
    body: Body::Whole(scalar),
};

fn scalar(call: &Call<'_>) -> Result<Value, EvalError> {
    match call.floats(0)?.as_slice() {
        [one] => Ok(Value::Scalar(one.v)),
        _ => Ok(Value::Scalar(f64::NAN)),
    }
}
