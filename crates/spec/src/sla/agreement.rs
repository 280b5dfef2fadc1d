//! Owns the compiled form of a rule: one typed tree that every backend reads.

use super::ast::{Chaos, Function, Matcher};
use crate::diagnostic::Span;
use crate::units::{Op, Quantity};

/// A rule that can be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// The rule's name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// The service, where a condition names it.
    pub service: Option<String>,
    /// Labels whose values are judged each by itself.
    pub group_by: Vec<String>,
    /// What is measured.
    pub measure: Measure,
    /// The bound of the measured value; none where only a breaker or a lag is agreed.
    pub bound: Option<Limit>,
    /// The window, in milliseconds.
    pub window_ms: u64,
    /// Anomalous samples in a row that are a violation.
    pub samples: u32,
    /// The error-rate breaker.
    pub breaker: Option<Breaker>,
    /// The lag of a replica.
    pub consistency: Option<Consistency>,
    /// The long-term promise.
    pub budget: Option<Budget>,
    /// Faults a violation may be tagged with; empty where any may.
    pub impacted_by: Vec<Chaos>,
}

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// A share of events among events.
    Share {
        /// The part.
        part: Selector,
        /// The whole.
        whole: Selector,
        /// Whether the part's events are the good ones.
        part_is_good: bool,
    },
    /// A quantile of a classic histogram.
    Quantile {
        /// The bucket counters.
        buckets: Selector,
        /// The quantile, 0 to 1.
        tau: f64,
    },
    /// A number made of one metric's series.
    Value {
        /// `avg`, `min`, `max`, `increase` or `rate`.
        function: Function,
        /// The series.
        series: Selector,
    },
    /// Nothing of a metric: only a lag is agreed.
    Lag,
}

/// A metric's series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selector {
    /// The metric's name.
    pub metric: String,
    /// Conditions on labels.
    pub matchers: Vec<Matcher>,
}

/// A bound in the unit the query yields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// The comparison.
    pub op: Op,
    /// The bound: a share from 0 to 1, or the metric's own unit.
    pub value: f64,
    /// As written.
    pub written: Quantity,
    /// Where it stands.
    pub span: Span,
}

/// An error-rate breaker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breaker {
    /// The error rate from which it opens, 0 to 1.
    pub opens_at: f64,
    /// True where it opens only above that rate.
    pub strict: bool,
    /// The window, in milliseconds.
    pub over_ms: u64,
    /// The time in which an event's weight halves, in milliseconds.
    pub decay_ms: Option<u64>,
    /// Healthy checks in a row that close it.
    pub recover: u32,
}

/// A replica's lag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consistency {
    /// The longest lag, in milliseconds.
    pub within_ms: u64,
    /// Who is written to.
    pub primary: String,
    /// Who is read from.
    pub replica: String,
}

/// A long-term promise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// The share of good events, 0 to 1.
    pub target: f64,
    /// Over which time, in milliseconds.
    pub over_ms: u64,
}

/// What is known of the system that the rules are for; nothing of it is needed to read them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// Time between two scrapes, in milliseconds.
    pub scrape_ms: Option<u64>,
    /// Bucket edges by the histogram's `_bucket` metric, in its own unit, sorted.
    pub edges: std::collections::BTreeMap<String, Vec<f64>>,
}
