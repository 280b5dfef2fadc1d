//! `irate`: returns a counter's increase per second between its last two samples.

use crate::function::{Body, Function, Window};

/// The function.
pub const FUNCTION: Function = Function {
    name: "irate",
    summary: "Returns a counter's increase per second between its last two samples.",
    body: Body::Over(last_two),
};

fn last_two(window: &Window<'_>) -> Option<f64> {
    let [.., before, last] = window.samples else { return None };
    let increase = if last.v < before.v { last.v } else { last.v - before.v };
    Some(increase / ((last.t_ms - before.t_ms) as f64 / 1000.0))
}
