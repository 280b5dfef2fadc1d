//! Runs a plan: a pure core and one async shell (reason: the core's purity).
#![forbid(unsafe_code)]

pub mod core;
