//! `clamp`: limits the values to a range from the bottom to the top.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::statistics::{larger, smaller};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "clamp",
    summary: "Limits the values to a range from the bottom to the top.",
    body: Body::Whole(clamp),
};

fn clamp(call: &Call<'_>) -> Result<Value, EvalError> {
    let (bottom, top) = (call.scalar(1)?, call.scalar(2)?);
    if bottom > top {
        return Ok(Value::Vector(Vec::new()));
    }
    call.each(|v| larger(bottom, smaller(top, v)))
}
