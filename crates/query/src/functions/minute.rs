//! `minute`: returns the minute of the hour, 0 to 59, in UTC.

use crate::calendar;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "minute",
    summary: "Returns the minute of the hour, 0 to 59, in UTC.",
    body: Body::Whole(|call| calendar::each(call, |moment| moment.minute)),
};
