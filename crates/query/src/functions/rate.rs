//! `rate`: returns a counter's increase per second over the range, resets included.

use crate::extrapolation;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "rate",
    summary: "Returns a counter's increase per second over the range, resets included.",
    body: Body::OverBoth(|window| {
        extrapolation::change_of(window, true, extrapolation::length_s(window))
    }),
};
