//! `histogram_stddev`: returns the standard deviation of the observations of native histograms.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "histogram_stddev",
    summary: "Returns the standard deviation of the observations of native histograms.",
    body: Body::Whole(|call| call.each_histogram(|h| h.variance().sqrt())),
};
