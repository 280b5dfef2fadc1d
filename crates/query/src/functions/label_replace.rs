//! `label_replace`: sets a label from a pattern that another label matches.

use crate::eval::{EvalError, unique};
use crate::function::{Body, Call, Function};
use crate::labels::METRIC_NAME;
use crate::selector::anchored;
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "label_replace",
    summary: "Sets a label from a pattern that another label matches.",
    body: Body::Whole(replace),
};

fn replace(call: &Call<'_>) -> Result<Value, EvalError> {
    let (to, template) = (call.text(1)?, call.text(2)?);
    let (from, pattern) = (call.text(3)?, call.text(4)?);
    let wrong = |why: String| EvalError::Parameter { function: "label_replace", why };
    if to.is_empty() {
        return Err(wrong("the name of the label to set is empty".into()));
    }
    let regex = anchored(&from, &pattern).map_err(|error| wrong(error.to_string()))?;
    let mut elements = call.vector(0)?;
    for element in &mut elements {
        if let Some(groups) = regex.captures(element.labels.get(&from)) {
            let mut value = String::new();
            groups.expand(&template, &mut value);
            element.labels = element.labels.with(&to, &value);
            element.drop_name &= to != METRIC_NAME;
        }
    }
    // Refused at once, as Prometheus does, and not only where the result shows it.
    unique(&elements)?;
    Ok(Value::Vector(elements))
}
