//! ChaosBlade's JSON: answers of `blade create` and `blade status`, and records one a line.
//!
//! Other tools write these files, so fields that are not known are no error, and neither are
//! records in any order. What cannot be used is said.

mod name;
mod record;

pub use name::{fault_name, service_of};
pub use record::{Injection, Report, read};
