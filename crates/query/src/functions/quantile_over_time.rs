//! `quantile_over_time`: returns a quantile of the values within the range.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::statistics;
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "quantile_over_time",
    summary: "Returns a quantile of the values within the range.",
    body: Body::Whole(quantile),
};

fn quantile(call: &Call<'_>) -> Result<Value, EvalError> {
    let q = call.scalar(0)?;
    call.over(1, |window| Some(statistics::quantile(q, &mut window.values().collect::<Vec<_>>())))
}
