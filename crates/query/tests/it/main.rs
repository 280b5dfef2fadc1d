//! The evaluator against Prometheus' own test scripts.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod native;
mod promqltest;
mod script;
