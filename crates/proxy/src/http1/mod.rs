//! HTTP/1.1: heads are read to decide, and bytes are forwarded as they came unless a rule says
//! otherwise of just this message.

mod body;
mod edit;
mod effects;
mod exchange;
pub(crate) mod fuzz;
mod head;
mod judge;
mod relay;

pub(crate) use edit::is_of_the_body;
pub(crate) use head::{Found, HeadScan, Kind};
pub(crate) use relay::relay;
