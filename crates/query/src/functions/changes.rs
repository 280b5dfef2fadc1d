//! `changes`: counts how often the value changed within the range.

use crate::function::{Body, Function, Window};

/// The function.
pub const FUNCTION: Function = Function {
    name: "changes",
    summary: "Counts how often the value changed within the range.",
    body: Body::Over(changes),
};

fn changes(window: &Window<'_>) -> Option<f64> {
    let differs = |a: f64, b: f64| a != b && !(a.is_nan() && b.is_nan());
    Some(window.samples.windows(2).filter(|pair| differs(pair[0].v, pair[1].v)).count() as f64)
}
