//! Incremental evaluation: a rule costs what arrived since its last evaluation, not its window.
//!
//! `Rules` keep, for each series that a rule reads, a tail of its newest samples with the counter
//! resets among them, and for each series and range a window that only ever slides forward. A
//! `rate` is then worked out from the window's two ends and the resets between them. Everything
//! around it is the ordinary evaluation, so an answer is the same as a full evaluation's to the
//! bit; the properties in `law.rs` hold the two together.

mod answer;
mod leaf;
mod rules;
mod tail;

#[cfg(test)]
mod law;

pub(crate) use answer::{Live, Over};
pub use rules::{History, RuleId, Rules, SeriesKey};
