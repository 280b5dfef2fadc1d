//! `day_of_month`: returns the day of the month, 1 to 31, in UTC.

use crate::calendar;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "day_of_month",
    summary: "Returns the day of the month, 1 to 31, in UTC.",
    body: Body::Whole(|call| calendar::each(call, |moment| moment.day)),
};
