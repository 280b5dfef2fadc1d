//! Both pure cores in one event queue (reason: a development tool that no user builds).
//!
//! The engine's core, the agent's core, its journal, its watchdog and the way from a receipt to
//! an undone fault are the product's own; host, disk, clocks and network are simulated, and go
//! wrong in every way there is. One seed decides every delay, crash, cut and silence, and replays
//! the whole run. After every event the laws of the design are checked; the mutants show that a
//! broken rule would be seen.
//!
//! `cargo xtask sim --seed 7 --trace` replays one run and prints it.
#![forbid(unsafe_code)]

mod agent_side;
mod cases;
mod clock;
mod disk;
mod engine_side;
mod hands;
mod happen;
mod host;
mod laws;
mod mutant;
mod network;
mod queue;
mod rogue;
mod runs;
mod script;
mod trouble;
mod watchdog_side;
mod world;

pub use cases::{Case, cases};
pub use laws::Broken;
pub use mutant::Mutant;
pub use runs::{Caught, Found, Sum, catch, many, shortest};
pub use world::{Options, Report, simulate};
