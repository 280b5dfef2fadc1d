//! `days_in_month`: returns the number of days in the month, in UTC.

use crate::calendar;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "days_in_month",
    summary: "Returns the number of days in the month, in UTC.",
    body: Body::Whole(|call| calendar::each(call, |moment| moment.month_days)),
};
