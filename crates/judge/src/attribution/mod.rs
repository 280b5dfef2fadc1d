//! Owns the answer to "which of the declared faults broke this rule": rungs A to E, and F, which
//! is to abstain.
//!
//! A tag says how far the data goes and no further: being there at the same time is
//! "coincident", and only a fault that was switched on and off at random, with the rule following
//! it, is said to have "caused" anything. Pure: series, times and the schedule come in, tags go
//! out; where they come from and how they are shown is for others.

mod blame;
pub mod case;
pub mod climb;
pub mod episodes;
pub mod forest;
mod grid;
pub mod map;
mod nonneg;
mod own;
pub mod rank;
mod share;
pub mod signs;
mod slot;
mod switched;
pub mod tag;
pub mod toggle;

pub use case::{Case, Dose, Episode, Injection, Measure, Point, Service, Signal, Toggling};
pub use climb::{attribute, signs};
pub use episodes::RuleCounts;
pub use map::ServiceMap;
pub use tag::{Attribution, Check, Conclusion, Effect, Rung, Settings, Step, Tag, Word};
