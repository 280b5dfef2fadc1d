//! `histogram_quantiles`: returns several quantiles of histograms, told apart by a label.

use crate::buckets;
use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "histogram_quantiles",
    summary: "Returns several quantiles of histograms, told apart by a label.",
    body: Body::Whole(quantiles),
};

fn quantiles(call: &Call<'_>) -> Result<Value, EvalError> {
    let vector = call.vector(0)?;
    let label = call.text(1)?;
    let mut all = Vec::new();
    for arg in 2..call.args.len() {
        let q = call.scalar(arg)?;
        let shown = buckets::shown_bound(q);
        let one = buckets::each(
            vector.clone(),
            |buckets| buckets::quantile(q, buckets),
            |h| h.quantile(q),
        )?;
        let Value::Vector(elements) = one else { continue };
        all.extend(elements.into_iter().map(|mut element| {
            element.labels = element.labels.with(&label, &shown);
            element
        }));
    }
    Ok(Value::Vector(all))
}
