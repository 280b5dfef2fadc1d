//! `mad_over_time`: returns the median absolute deviation of the values within the range.

use crate::function::{Body, Function, Window};
use crate::statistics;

/// The function.
pub const FUNCTION: Function = Function {
    name: "mad_over_time",
    summary: "Returns the median absolute deviation of the values within the range.",
    body: Body::Over(deviation),
};

fn deviation(window: &Window<'_>) -> Option<f64> {
    let mut values: Vec<f64> = window.values().collect();
    if values.iter().any(|v| v.is_nan()) {
        return Some(f64::NAN);
    }
    let median = statistics::quantile(0.5, &mut values);
    values.iter_mut().for_each(|v| *v = (*v - median).abs());
    Some(statistics::quantile(0.5, &mut values))
}
