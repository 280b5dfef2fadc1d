//! The sources against real counterparts.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod both_sources;
mod compliance;
mod failed_scrapes;
mod prometheus_answers;
mod real_prometheus;
mod target;
