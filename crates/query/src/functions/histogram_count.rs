//! `histogram_count`: returns the number of observations of native histograms.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "histogram_count",
    summary: "Returns the number of observations of native histograms.",
    body: Body::Whole(|call| call.each_histogram(|h| h.count)),
};
