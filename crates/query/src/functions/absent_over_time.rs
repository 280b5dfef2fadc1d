//! `absent_over_time`: returns 1 where no series has a sample within the range, and nothing otherwise.

use crate::absence;
use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::value::{Datum, Value};

/// The function.
pub const FUNCTION: Function = Function {
    name: "absent_over_time",
    summary: "Returns 1 where no series has a sample within the range, and nothing otherwise.",
    body: Body::Whole(absent),
};

fn absent(call: &Call<'_>) -> Result<Value, EvalError> {
    let Value::Vector(found) = call.over_both(0, false, |_| Some(Datum::Float(1.0)))? else {
        return Ok(Value::Vector(Vec::new()));
    };
    Ok(absence::absent(call.args.first(), found.is_empty()))
}
