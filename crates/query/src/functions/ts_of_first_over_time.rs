//! `ts_of_first_over_time`: returns the time of the oldest value within the range.

use crate::function::{Body, Function};
use crate::value::Datum;

/// The function.
pub const FUNCTION: Function = Function {
    name: "ts_of_first_over_time",
    summary: "Returns the time of the oldest value within the range.",
    body: Body::OverBoth(|window| {
        let (t_ms, _) = window.oldest()?;
        Some(Datum::Float(t_ms as f64 / 1000.0))
    }),
};
