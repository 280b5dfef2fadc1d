//! `resets`: counts how often a counter fell within the range.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "resets",
    summary: "Counts how often a counter fell within the range.",
    body: Body::Over(|window| {
        Some(window.samples.windows(2).filter(|pair| pair[1].v < pair[0].v).count() as f64)
    }),
};
