//! `day_of_week`: returns the day of the week, 0 for Sunday, in UTC.

use crate::calendar;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "day_of_week",
    summary: "Returns the day of the week, 0 for Sunday, in UTC.",
    body: Body::Whole(|call| calendar::each(call, |moment| moment.weekday)),
};
