//! Experiment times inventory times catalog to a bounded plan (reason: purity that the compiler guards).
//!
//! Touches nothing and knows no clock: the host comes in as an inventory, the time as a number.
//! No plan takes a protected process, exceeds a cap, or takes every instance of a service unless
//! both the experiment and the policy say so.
#![forbid(unsafe_code)]

pub mod catalog;
mod choose;
mod decide;
mod dependency;
pub mod dry_run;
mod inputs;
mod make;
mod permit;
mod protect;
mod select;
pub mod series;
mod sources;
mod text;
mod toggle;
mod words;
mod worst_case;

pub use catalog::{Catalog, schema};
pub use choose::INSTANCES_HARD_CAP;
pub use dry_run::{Decision, Place, Plan, PlannedStep, PlannedToggle, WorstCase};
pub use inputs::{History, Inputs};
pub use make::plan;
pub use text::render;
