//! `avg_over_time`: returns the mean of the values within the range.

use crate::function::{Body, Function, Window};
use crate::histogram;
use crate::statistics;
use crate::value::Datum;

/// The function.
pub const FUNCTION: Function = Function {
    name: "avg_over_time",
    summary: "Returns the mean of the values within the range.",
    body: Body::OverBoth(mean),
};

fn mean(window: &Window<'_>) -> Option<Datum> {
    match (window.samples, window.histograms) {
        (_, []) => Some(Datum::Float(statistics::mean(&window.values().collect::<Vec<_>>()))),
        ([], all) => {
            let all: Vec<_> = all.iter().map(|s| &*s.histogram).collect();
            Some(histogram::mean(&all)?.into())
        }
        // Numbers and histograms have no mean.
        _ => None,
    }
}
