//! `first_over_time`: returns the oldest value within the range.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "first_over_time",
    summary: "Returns the oldest value within the range.",
    body: Body::OverKeepName(|window| Some(window.oldest()?.1)),
};
