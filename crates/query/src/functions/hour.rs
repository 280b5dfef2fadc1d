//! `hour`: returns the hour of the day, 0 to 23, in UTC.

use crate::calendar;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "hour",
    summary: "Returns the hour of the day, 0 to 23, in UTC.",
    body: Body::Whole(|call| calendar::each(call, |moment| moment.hour)),
};
