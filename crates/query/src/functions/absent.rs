//! `absent`: returns 1 where a vector is empty, and nothing otherwise.

use crate::absence;
use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "absent",
    summary: "Returns 1 where a vector is empty, and nothing otherwise.",
    body: Body::Whole(absent),
};

fn absent(call: &Call<'_>) -> Result<Value, EvalError> {
    let found = call.vector(0)?;
    Ok(absence::absent(call.args.first(), found.is_empty()))
}
