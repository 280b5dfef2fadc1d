//! How the requests of a run's own traffic ended, counted apart by outcome and status.

use serde::{Deserialize, Serialize};

/// Requests that ended alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ending {
    /// `ok`, `error`, `timeout` (the client's own), `dropped` (never sent).
    pub outcome: String,
    /// The status of the answer, where there was one.
    pub code: Option<u16>,
    /// How many.
    pub count: u64,
    /// A tenth of them ended within so many milliseconds of the moment they were due.
    pub p10_ms: f64,
    /// Half of them.
    pub p50_ms: f64,
    /// Nine in ten.
    pub p90_ms: f64,
    /// The start of what the last answer said, or why there was none.
    pub said: Option<String>,
}
