//! Every format that crosses a process or a disk (reason: a contract that others implement).
//!
//! Nothing here opens a file, a socket or reads a clock. Each stored or sent type carries a
//! version; `vectors/` keeps samples of every version that was ever written.
#![forbid(unsafe_code)]

pub mod chain;
mod control;
pub mod ending;
pub mod fingerprint;
pub mod identity;
pub mod injection;
pub mod journal;
pub mod lease;
pub mod matrix;
pub mod protocol;
pub mod receipt;
pub mod record;
pub mod sdk;
pub mod target;
mod toggled;
pub mod verdict;
