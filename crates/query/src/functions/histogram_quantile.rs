//! `histogram_quantile`: returns a quantile of histograms, interpolated within a bucket.

use crate::buckets;
use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "histogram_quantile",
    summary: "Returns a quantile of histograms, interpolated within a bucket.",
    body: Body::Whole(quantile),
};

fn quantile(call: &Call<'_>) -> Result<Value, EvalError> {
    let q = call.scalar(0)?;
    buckets::each(call.vector(1)?, |buckets| buckets::quantile(q, buckets), |h| h.quantile(q))
}
