//! `month`: returns the month, 1 to 12, in UTC.

use crate::calendar;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "month",
    summary: "Returns the month, 1 to 12, in UTC.",
    body: Body::Whole(|call| calendar::each(call, |moment| moment.month)),
};
