//! HTTP/2 with prior knowledge: bridged stream by stream while rules are armed.
//!
//! Streams of one connection share header compression and must be opened in the
//! order of their numbers, so one stream cannot be held while frames go on unread:
//! the proxy ends HTTP/2 on both sides and carries each stream between them. A
//! window is given back to a sender only after its bytes went on, so neither side
//! can fill the proxy's memory.

mod bridge;
mod stream;

pub(crate) use bridge::bridge;
