//! `round`: rounds to the nearest multiple, of 1 unless told otherwise; halves go up.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "round",
    summary: "Rounds to the nearest multiple, of 1 unless told otherwise; halves go up.",
    body: Body::Whole(round),
};

fn round(call: &Call<'_>) -> Result<Value, EvalError> {
    let multiple = if call.args.len() > 1 { call.scalar(1)? } else { 1.0 };
    // Dividing by the inverse keeps tenths exact.
    let inverse = 1.0 / multiple;
    call.each(|v| (v * inverse + 0.5).floor() / inverse)
}
