//! `irate`: returns a counter's increase per second between its last two samples.

use crate::extrapolation;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "irate",
    summary: "Returns a counter's increase per second between its last two samples.",
    body: Body::OverBoth(|window| extrapolation::last_two(window, true)),
};
