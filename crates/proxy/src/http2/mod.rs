//! HTTP/2 with prior knowledge, gRPC included: frames go on as they came, and a stream that rules
//! act on is taken out of the row.
//!
//! Streams of one connection share the compression of their headers and must be opened in the order
//! of their numbers, so a held stream cannot simply go later. What is done about it:
//!
//! - Header blocks are read by everybody's rules, and go on as they came while the receiver is in
//!   step with the sender's table. Once a block that changes the table was kept back, changed or
//!   dropped, later ones are written as literals, with the same fields in the same order.
//! - A held stream that others overtake is opened under a later number; frames of later streams
//!   then carry other numbers on the two sides.
//! - Windows are those of the two ends. Bytes that the proxy keeps or drops are given back to their
//!   sender for the connection, so that no other stream runs short.
//!
//! So a connection on which no rule hits a stream is the same bytes on both sides, and on any other
//! the frames of streams that are not hit are the same but for those two things.

mod control;
mod core;
mod effects;
mod flow;
mod frame;
pub(crate) mod fuzz;
mod hpack;
mod intake;
mod lane;
mod relay;
mod streams;

pub(crate) use relay::relay;
