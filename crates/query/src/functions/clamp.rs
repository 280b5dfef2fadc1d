//! `clamp`: limits the values to a range from the bottom to the top.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
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
    // A bound that is NaN makes everything NaN; `f64::max` and `f64::clamp` would not.
    let unbounded = bottom.is_nan() || top.is_nan();
    call.each(|v| match v {
        _ if unbounded => f64::NAN,
        v if v < bottom => bottom,
        v if v > top => top,
        v => v,
    })
}
