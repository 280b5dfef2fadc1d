//! `histogram_sum`: returns the sum of the observations of native histograms.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "histogram_sum",
    summary: "Returns the sum of the observations of native histograms.",
    body: Body::Whole(|call| call.each_histogram(|h| h.sum)),
};
