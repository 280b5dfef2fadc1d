//! The proxy with real sockets on loopback: bytes, framing, delays, ends.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod apart;
mod bad_input;
mod bytes_kept;
mod delays;
mod dns;
mod ends;
mod floods;
mod http1;
mod http1_effects;
mod http2;
mod http2_effects;
mod stand;
mod tls;
