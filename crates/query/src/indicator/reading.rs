//! Owns what one reading of an indicator says: plain values.

use std::fmt;

/// Events counted between two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All events.
    pub total: u64,
    /// Bad events at least; less than `bad_most` only where a quantile's bound lies between two
    /// bucket edges.
    pub bad_least: u64,
    /// Bad events at most.
    pub bad_most: u64,
}

/// What is wrong with the data behind a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// No series, or none with a known start, so that nothing can be counted.
    NoData,
    /// There are series, but the query's result is empty.
    EmptyVector,
    /// The query's result is not a number, as for a share of no events at all.
    NotANumber,
    /// A target brought no new sample since the last reading.
    Stale {
        /// How old its newest sample is.
        age_ms: i64,
    },
    /// A counter was reset between the two times: the counts are a lower bound.
    Reset,
    /// A target did not answer, or its series ended.
    AbsentTarget,
    /// The query could not be evaluated on this data; [`Indicator::value`](super::Indicator::value) says why.
    Failed,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gap::NoData => f.write_str("no data to count from"),
            Gap::EmptyVector => f.write_str("the query's result is empty"),
            Gap::NotANumber => f.write_str("the query's result is not a number"),
            Gap::Stale { age_ms } => write!(f, "the newest sample is {age_ms} ms old"),
            Gap::Reset => f.write_str("a counter was reset; the counts are a lower bound"),
            Gap::AbsentTarget => f.write_str("a target is absent"),
            Gap::Failed => f.write_str("the query could not be evaluated on this data"),
        }
    }
}

/// What an indicator says at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The query's value, for charts; never NaN. Of several series the worst for the bound.
    pub value: Option<f64>,
    /// The events since the last reading, for verdicts.
    pub counts: Option<Counts>,
    /// The quantile of those events alone, which no window smooths; for charts and people.
    pub estimate: Option<f64>,
    /// What is wrong with the data, the gravest first.
    pub gap: Option<Gap>,
}
