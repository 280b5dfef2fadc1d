//! Runs a plan: a pure core and one async shell (reason: the core's purity).
#![forbid(unsafe_code)]

pub mod core;
mod prepare;
pub mod recorder;
mod shell;

pub use prepare::{About, PrepareError, Prepared, Watched, prepare};
pub use shell::{AgentLink, Outcome, RunError, Start, block_on, run};
