//! `histogram_avg`: returns the mean of the observations of native histograms.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "histogram_avg",
    summary: "Returns the mean of the observations of native histograms.",
    body: Body::Whole(|call| call.each_histogram(|h| h.sum / h.count)),
};
