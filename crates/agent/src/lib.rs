//! The only privileged process: lease core, journal, watchdog, effector (reason: another privilege).

pub mod core;
