//! `clamp_max`: limits the values to a top.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::statistics::smaller;
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "clamp_max",
    summary: "Limits the values to a top.",
    body: Body::Whole(clamp),
};

fn clamp(call: &Call<'_>) -> Result<Value, EvalError> {
    let top = call.scalar(1)?;
    call.each(|v| smaller(top, v))
}
