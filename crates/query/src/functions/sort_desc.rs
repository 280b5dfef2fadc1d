//! `sort_desc`: sorts a vector by value, largest first; NaN comes last.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::statistics;
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "sort_desc",
    summary: "Sorts a vector by value, largest first; NaN comes last.",
    body: Body::Whole(sort),
};

fn sort(call: &Call<'_>) -> Result<Value, EvalError> {
    let (mut elements, nan): (Vec<_>, Vec<_>) =
        call.floats(0)?.into_iter().partition(|element| !element.v.is_nan());
    elements.sort_by(|a, b| statistics::nan_first(b.v, a.v));
    elements.extend(nan);
    Ok(Value::Vector(elements))
}
