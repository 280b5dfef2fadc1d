//! Doors for the fuzzer of `crates/fuzz`: every reader of outside bytes by itself, each with the law
//! that it must keep. They panic where it does not; nothing else calls them.

pub use crate::{
    dns::fuzz::read as dns,
    grpc::fuzz::read as grpc,
    http1::fuzz::read as http1,
    http2::fuzz::{blocks as hpack, read as http2},
    tls::fuzz::read as tls_hello,
};
