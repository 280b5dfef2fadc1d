//! `ts_of_min_over_time`: returns the time of the smallest value within the range, the newest of equals.

use crate::function::{Body, Function, Window};

/// The function.
pub const FUNCTION: Function = Function {
    name: "ts_of_min_over_time",
    summary: "Returns the time of the smallest value within the range, the newest of equals.",
    body: Body::Over(newest),
};

fn newest(window: &Window<'_>) -> Option<f64> {
    let better = |best: &crate::Sample, v: f64| v <= best.v || best.v.is_nan();
    let best = window.samples.iter().reduce(|best, s| if better(best, s.v) { s } else { best })?;
    Some(best.t_ms as f64 / 1000.0)
}
