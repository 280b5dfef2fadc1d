//! `day_of_year`: returns the day of the year, 1 to 366, in UTC.

use crate::calendar;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "day_of_year",
    summary: "Returns the day of the year, 1 to 366, in UTC.",
    body: Body::Whole(|call| calendar::each(call, |moment| moment.yearday)),
};
