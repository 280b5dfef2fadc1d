//! The evaluator against Prometheus' own test scripts.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod promqltest;
mod script;
