//! The only privileged process: lease core, journal, watchdog, effector (reason: another privilege).

pub mod client;
pub mod core;
pub mod inventory;
pub mod journal;
pub mod paths;
pub mod points;
pub mod privilege;
pub mod restore;
pub mod shell;
pub mod undo;
pub mod watchdog;

mod effector;
mod say;
