//! The open-loop generator: sends requests at a constant rate and is a source of what came back.
//!
//! Requests leave when they are due, whatever the answers do, and a latency is counted from the
//! moment a request was due, not from when it could be sent. A service that stands still for a
//! second is therefore seen by every request of that second (no coordinated omission).
//!
//! | series | what it counts |
//! |---|---|
//! | `squall_client_requests_total{outcome, code}` | `ok`: 2xx and 3xx; `error`: another status, or no answer (then without `code`); `timeout`; `dropped`: too many were under way |
//! | `squall_client_request_duration_seconds` | due to last byte; a timeout counts with the time it waited, a dropped request only in `+Inf` |
//!
//! Both carry `job="squall-client"` and `instance="HOST:PORT"`.

mod arrivals;
mod connections;
mod shell;
mod source;
mod tally;
#[cfg(test)]
mod tests;

pub use source::{Traffic, TrafficError};
pub use tally::{BUCKETS_S, JOB};
