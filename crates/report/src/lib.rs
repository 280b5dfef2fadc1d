//! Run record to terminal, JSON, JUnit, Markdown, HTML (reason: purity that the compiler guards).
//!
//! A record is read once ([`read`]), turned into a [`Model`] that holds every number any format
//! shows, and rendered by one of [`formats::ALL`]. [`progress`] gives the live lines of a run.
//! Nothing here reads a clock, a file or a terminal.
#![forbid(unsafe_code)]

pub mod format;
pub mod formats;
pub mod matrix;
pub mod model;
pub mod number;
pub mod progress;
pub mod read;
pub mod style;
pub mod width;

pub use format::{Format, Options};
pub use model::Model;
pub use read::{Links, ReadError, Record, read};
