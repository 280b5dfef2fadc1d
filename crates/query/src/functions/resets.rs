//! `resets`: counts how often a counter fell within the range.

use crate::function::{Body, Function, Window};
use crate::value::Datum;

/// The function.
pub const FUNCTION: Function = Function {
    name: "resets",
    summary: "Counts how often a counter fell within the range.",
    body: Body::OverBoth(resets),
};

fn resets(window: &Window<'_>) -> Option<Datum> {
    let fell = |before: &Datum, now: &Datum| match (before, now) {
        (Datum::Float(before), Datum::Float(now)) => now < before,
        (Datum::Histogram(before), Datum::Histogram(now)) => now.was_reset_since(before),
        _ => true,
    };
    let all = window.both();
    Some(Datum::Float(all.windows(2).filter(|pair| fell(&pair[0].1, &pair[1].1)).count() as f64))
}
