//! `label_join`: sets a label to the values of others, joined.

use crate::eval::{EvalError, unique};
use crate::function::{Body, Call, Function};
use crate::labels::METRIC_NAME;
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "label_join",
    summary: "Sets a label to the values of others, joined.",
    body: Body::Whole(join),
};

fn join(call: &Call<'_>) -> Result<Value, EvalError> {
    let (to, separator) = (call.text(1)?, call.text(2)?);
    if to.is_empty() {
        let why = "the name of the label to set is empty".into();
        return Err(EvalError::Parameter { function: "label_join", why });
    }
    let from = (3..call.args.len()).map(|arg| call.text(arg)).collect::<Result<Vec<_>, _>>()?;
    let mut elements = call.vector(0)?;
    for element in &mut elements {
        let values: Vec<&str> = from.iter().map(|name| element.labels.get(name)).collect();
        element.labels = element.labels.with(&to, &values.join(&separator));
        element.drop_name &= to != METRIC_NAME;
    }
    // Refused at once, as Prometheus does, and not only where the result shows it.
    unique(&elements)?;
    Ok(Value::Vector(elements))
}
