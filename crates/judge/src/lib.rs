//! Readings times bounds to verdicts (reason: purity that the compiler guards).
//!
//! Data flows `reading → monitor → watch → verdict`. Three outcomes, never two: what the data
//! cannot decide is said to be undecided, and missing data is never a pass.
#![forbid(unsafe_code)]

pub mod attribution;
pub mod bursts;
pub mod calibrated;
pub mod control;
pub mod decide;
pub mod evidence;
pub mod matrix;
pub mod monitor;
pub mod outcome;
pub mod reading;
pub mod recovery;
pub mod sequence;
pub mod tail;
pub mod verdict;
