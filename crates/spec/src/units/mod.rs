//! Units as newtypes: what a person writes is read exactly and printed so that it reads back.

mod byte_rate;
mod bytes;
mod decimal;
mod duration;
mod expect;
mod port;
mod rate;
mod share;
mod unit_error;

pub use byte_rate::ByteRate;
pub use bytes::Bytes;
pub use decimal::Number;
pub use duration::Duration;
pub use expect::{Expect, Op, Quantity};
pub use port::Port;
pub use rate::Rate;
pub use share::Share;
pub use unit_error::UnitError;
