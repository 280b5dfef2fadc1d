//! `histogram_stdvar`: returns the variance of the observations of native histograms.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "histogram_stdvar",
    summary: "Returns the variance of the observations of native histograms.",
    body: Body::Whole(|call| call.each_histogram(|h| h.variance())),
};
