//! `vector`: turns a scalar into a vector of one element without labels.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::labels::Labels;
use crate::value::{Element, Value};

/// The function.
pub const FUNCTION: Function = Function {
    name: "vector",
    summary: "Turns a scalar into a vector of one element without labels.",
    body: Body::Whole(vector),
};

fn vector(call: &Call<'_>) -> Result<Value, EvalError> {
    Ok(Value::Vector(vec![Element::new(Labels::empty(), call.scalar(0)?)]))
}
