//! Incremental evaluation: a rule costs what arrived since its last evaluation, not its window.
//!
//! `Rules` keep the newest samples of each series that a rule reads in sheets: a row a scrape, a
//! column a series. A `rate` is then worked out from two rows, a window's first and last, each one
//! run of memory for all series of a target; only a series with a reset, an end or a gap inside the
//! window is read in full. A series with a rhythm of its own has a sheet of its own. Everything
//! around it is the ordinary evaluation, so an answer is the same as a full evaluation's to the
//! bit; the properties in `law.rs` hold the two together.

mod answer;
mod leaf;
mod rules;
mod sheet;
mod sheets;

#[cfg(test)]
mod law;

pub(crate) use answer::{Live, Over};
pub use rules::{History, RuleId, Rules, SeriesKey};
