//! HTTP/1.1: heads are read to decide, bytes are forwarded as they came.

mod body;
mod exchange;
mod head;
mod relay;

pub(crate) use relay::relay;
