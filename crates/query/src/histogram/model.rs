//! Owns what a native histogram is. Knows no operation on it.

use std::sync::Arc;

use crate::labels::Labels;

/// The schema of histograms whose bucket bounds are listed; all others are exponential.
pub const CUSTOM_BOUNDS: i32 = -53;

/// Whether a histogram follows a counter's reset, as far as its source knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hint {
    /// Not known; the buckets tell.
    #[default]
    Unknown,
    /// The counter was reset before it.
    Reset,
    /// The counter was not reset before it.
    NoReset,
    /// It is no counter.
    Gauge,
}

/// One native histogram with float counts. Buckets without observations are not kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// How fine the buckets are: bounds are powers of `2^(2^-schema)`, or [`CUSTOM_BOUNDS`].
    pub schema: i32,
    /// Observations at most this far from zero are in the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// Buckets above zero by index, sorted.
    pub positive: Vec<(i32, f64)>,
    /// Buckets below zero by index, sorted.
    pub negative: Vec<(i32, f64)>,
    /// The upper bounds of custom buckets, sorted; the last bucket has none.
    pub bounds: Vec<f64>,
    /// Whether it follows a reset.
    pub hint: Hint,
}

/// One histogram at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSample {
    /// Milliseconds since the Unix epoch.
    pub t_ms: i64,
    /// The histogram.
    pub histogram: Arc<Histogram>,
}

/// A label set with its histograms in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSeries {
    /// What names it.
    pub labels: Labels,
    /// Its histograms, oldest first.
    pub samples: Vec<HistogramSample>,
}

impl Histogram {
    /// Tells whether the bucket bounds are listed.
    pub fn is_custom(&self) -> bool {
        self.schema == CUSTOM_BOUNDS
    }

    /// Tells whether two histograms have the same observations in the same buckets; whether they
    /// follow a reset does not matter.
    pub fn same(&self, other: &Histogram) -> bool {
        let bits = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
        let buckets = |a: &[(i32, f64)], b: &[(i32, f64)]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && bits(a.1, b.1))
        };
        self.schema == other.schema
            && self.zero_threshold == other.zero_threshold
            && bits(self.zero_count, other.zero_count)
            && bits(self.count, other.count)
            && bits(self.sum, other.sum)
            && buckets(&self.positive, &other.positive)
            && buckets(&self.negative, &other.negative)
            && self.bounds == other.bounds
    }

    /// Drops the buckets without observations.
    #[must_use]
    pub fn compact(mut self) -> Histogram {
        self.positive.retain(|(_, count)| *count != 0.0);
        self.negative.retain(|(_, count)| *count != 0.0);
        self
    }
}
