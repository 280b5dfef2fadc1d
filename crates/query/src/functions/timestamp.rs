//! `timestamp`: returns the time of each sample in seconds since the Unix epoch.

use crate::ast::Expr;
use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::labels::Labels;
use crate::value::{Datum, Element, Value};

/// The function.
pub const FUNCTION: Function = Function {
    name: "timestamp",
    summary: "Returns the time of each sample in seconds since the Unix epoch.",
    body: Body::Whole(timestamp),
};

fn timestamp(call: &Call<'_>) -> Result<Value, EvalError> {
    if let Some(Expr::Vector(vector)) = call.args.first() {
        let element = |(labels, t_ms, _): (Labels, i64, Datum)| {
            Element::of(labels, Datum::Float(t_ms as f64 / 1000.0), true)
        };
        return Ok(Value::Vector(call.context.newest(vector).into_iter().map(element).collect()));
    }
    let now = call.context.at_ms as f64 / 1000.0;
    let element = |element: Element| Element::of(element.labels, Datum::Float(now), true);
    Ok(Value::Vector(call.vector(0)?.into_iter().map(element).collect()))
}
