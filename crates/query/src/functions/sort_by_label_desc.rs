//! `sort_by_label_desc`: sorts a vector by the values of labels, in reverse natural order.

use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::natural;
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "sort_by_label_desc",
    summary: "Sorts a vector by the values of labels, in reverse natural order.",
    body: Body::Whole(sort),
};

fn sort(call: &Call<'_>) -> Result<Value, EvalError> {
    let mut elements = call.vector(0)?;
    let names = (1..call.args.len()).map(|arg| call.text(arg)).collect::<Result<Vec<_>, _>>()?;
    elements.sort_by(|a, b| natural::by_labels(&a.labels, &b.labels, &names).reverse());
    Ok(Value::Vector(elements))
}
