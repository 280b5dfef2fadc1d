//! `histogram_fraction`: returns the share of observations of histograms between two values.

use crate::buckets;
use crate::eval::EvalError;
use crate::function::{Body, Call, Function};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "histogram_fraction",
    summary: "Returns the share of observations of histograms between two values.",
    body: Body::Whole(fraction),
};

fn fraction(call: &Call<'_>) -> Result<Value, EvalError> {
    let (lower, upper) = (call.scalar(0)?, call.scalar(1)?);
    let classic = |buckets: &mut Vec<buckets::Bucket>| buckets::fraction(lower, upper, buckets);
    buckets::each(call.vector(2)?, classic, |h| h.fraction(lower, upper))
}
