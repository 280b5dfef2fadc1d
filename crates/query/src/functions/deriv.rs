//! `deriv`: returns the slope per second of the least squares line through the range.

use crate::function::{Body, Function};
use crate::statistics;

/// The function.
pub const FUNCTION: Function = Function {
    name: "deriv",
    summary: "Returns the slope per second of the least squares line through the range.",
    body: Body::Over(|window| {
        let first_ms = window.samples.first()?.t_ms;
        (window.samples.len() > 1).then(|| statistics::regression(window.samples, first_ms).0)
    }),
};
