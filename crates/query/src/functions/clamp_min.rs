//! `clamp_min`: limits the values to a bottom.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::statistics::larger;
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "clamp_min",
    summary: "Limits the values to a bottom.",
    body: Body::Whole(clamp),
};

fn clamp(call: &Call<'_>) -> Result<Value, EvalError> {
    let bottom = call.scalar(1)?;
    call.each(|v| larger(bottom, v))
}
