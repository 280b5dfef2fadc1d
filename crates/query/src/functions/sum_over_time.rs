//! `sum_over_time`: returns the sum of the values within the range.

use crate::function::{Body, Function, Window};
use crate::histogram;
use crate::statistics;
use crate::value::Datum;

/// The function.
pub const FUNCTION: Function = Function {
    name: "sum_over_time",
    summary: "Returns the sum of the values within the range.",
    body: Body::OverBoth(sum),
};

fn sum(window: &Window<'_>) -> Option<Datum> {
    match (window.samples, window.histograms) {
        (_, []) => Some(Datum::Float(statistics::sum(window.values()))),
        ([], all) => {
            let all: Vec<_> = all.iter().map(|s| &*s.histogram).collect();
            Some(histogram::sum(&all)?.into())
        }
        // Numbers and histograms do not add up.
        _ => None,
    }
}
