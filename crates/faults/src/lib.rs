//! The catalog: one folder a fault (reason: another privilege behind one feature).
//!
//! Without the feature `effects` this crate is pure description: what a fault is called, what it
//! takes, how bad it can get and how it dies. With it, each folder also brings the code that
//! touches the kernel, and `sys/` the mechanisms they share. Only the agent asks for it.

pub mod catalog;
mod dns;
pub mod docs;
pub mod dose;
pub mod fault;
mod http;
pub(crate) mod inprocess;
mod mechanism;
mod tls;
mod traffic;
pub mod values;

#[cfg(feature = "effects")]
pub mod effect;
#[cfg(feature = "effects")]
pub mod sys;
