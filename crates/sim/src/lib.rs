//! Both pure cores in one event queue (reason: a development tool that no user builds).
//!
//! The engine's core, the agent's core, a host with its journal and a watchdog live in virtual
//! time: one seed decides every delay, crash, cut and silence, and replays the whole run. After
//! every event the laws of the design are checked.
//!
//! `SQUALL_SIM_SEED=7 cargo test -p squall-sim -- --nocapture` replays one run and prints it.
#![forbid(unsafe_code)]

mod agent_side;
mod engine_side;
mod host;
mod laws;
mod queue;
mod trouble;
mod world;

pub use laws::Broken;
pub use world::{Report, simulate};
