//! `last_over_time`: returns the newest value within the range.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "last_over_time",
    summary: "Returns the newest value within the range.",
    body: Body::OverKeepName(|window| Some(window.newest()?.1)),
};
