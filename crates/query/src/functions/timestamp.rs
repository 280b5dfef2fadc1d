//! `timestamp`: returns the time of each sample in seconds since the Unix epoch.

use crate::ast::Expr;
use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::value::{Element, Value};

/// The function.
pub const FUNCTION: Function = Function {
    name: "timestamp",
    summary: "Returns the time of each sample in seconds since the Unix epoch.",
    body: Body::Whole(timestamp),
};

fn timestamp(call: &Call<'_>) -> Result<Value, EvalError> {
    if let Some(Expr::Vector(vector)) = call.args.first() {
        let element = |(labels, sample): (crate::Labels, crate::Sample)| Element {
            labels,
            v: sample.t_ms as f64 / 1000.0,
            drop_name: true,
        };
        return Ok(Value::Vector(call.context.newest(vector).into_iter().map(element).collect()));
    }
    let now = call.context.at_ms as f64 / 1000.0;
    call.each(|_| now)
}
