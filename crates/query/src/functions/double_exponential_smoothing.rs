//! `double_exponential_smoothing`: smooths the values within the range by level and trend (Holt).

use crate::eval::EvalError;
use crate::function::{Body, Call, Function, Window};
use crate::value::Value;

/// The function.
pub const FUNCTION: Function = Function {
    name: "double_exponential_smoothing",
    summary: "Smooths the values within the range by level and trend (Holt).",
    body: Body::Whole(smooth),
};

fn smooth(call: &Call<'_>) -> Result<Value, EvalError> {
    let (level, trend) = (call.scalar(1)?, call.scalar(2)?);
    for (what, factor) in [("smoothing", level), ("trend", trend)] {
        if factor.is_nan() || factor <= 0.0 || factor >= 1.0 {
            return Err(EvalError::Parameter {
                function: "double_exponential_smoothing",
                why: format!("the {what} factor is {factor}; it must lie between 0 and 1"),
            });
        }
    }
    call.over(0, |window| holt(window, level, trend))
}

fn holt(window: &Window<'_>, level: f64, trend: f64) -> Option<f64> {
    let [first, second, ..] = window.samples else { return None };
    let (mut before, mut smoothed, mut slope) = (0.0, first.v, second.v - first.v);
    for (place, sample) in window.samples.iter().enumerate().skip(1) {
        // The first slope is that of the first two samples; later ones follow the smoothed line.
        if place > 1 {
            slope = trend * (smoothed - before) + (1.0 - trend) * slope;
        }
        (before, smoothed) = (smoothed, level * sample.v + (1.0 - level) * (smoothed + slope));
    }
    Some(smoothed)
}
