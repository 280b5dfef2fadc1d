//! `changes`: counts how often the value changed within the range.

use crate::function::{Body, Function, Window};
use crate::value::Datum;

/// The function.
pub const FUNCTION: Function = Function {
    name: "changes",
    summary: "Counts how often the value changed within the range.",
    body: Body::OverBoth(changes),
};

fn changes(window: &Window<'_>) -> Option<Datum> {
    let differs = |a: &Datum, b: &Datum| match (a, b) {
        (Datum::Float(a), Datum::Float(b)) => a != b && !(a.is_nan() && b.is_nan()),
        (Datum::Histogram(a), Datum::Histogram(b)) => !a.same(b),
        _ => true,
    };
    let all = window.both();
    Some(Datum::Float(all.windows(2).filter(|pair| differs(&pair[0].1, &pair[1].1)).count() as f64))
}
