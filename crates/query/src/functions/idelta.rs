//! `idelta`: returns a gauge's change between its last two samples.

use crate::function::{Body, Function, Window};

/// The function.
pub const FUNCTION: Function = Function {
    name: "idelta",
    summary: "Returns a gauge's change between its last two samples.",
    body: Body::Over(last_two),
};

fn last_two(window: &Window<'_>) -> Option<f64> {
    let [.., before, last] = window.samples else { return None };
    Some(last.v - before.v)
}
