//! `year`: returns the year in UTC.

use crate::calendar;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "year",
    summary: "Returns the year in UTC.",
    body: Body::Whole(|call| calendar::each(call, |moment| moment.year)),
};
