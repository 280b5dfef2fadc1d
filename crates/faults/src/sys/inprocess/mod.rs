//! Faults inside a process that has the Go SDK: who has registered, and the effect that all of
//! them share. The agent listens and hands each connection to [`serve`].

mod effect;
mod peer;

pub(crate) use effect::InProcess;
pub use peer::{armed, refuse, registered, serve};
