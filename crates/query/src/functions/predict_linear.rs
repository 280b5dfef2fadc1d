//! `predict_linear`: returns the value that the least squares line reaches some seconds from now.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::statistics;
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "predict_linear",
    summary: "Returns the value that the least squares line reaches some seconds from now.",
    body: Body::Whole(predict),
};

fn predict(call: &Call<'_>) -> Result<Value, EvalError> {
    let ahead_s = call.scalar(1)?;
    call.over(0, |window| {
        let (slope, now) = statistics::regression(window.samples, window.at_ms);
        (window.samples.len() > 1).then_some(slope * ahead_s + now)
    })
}
