//! Owns the store's limits and what is refused beyond them.

/// Series kept at most; four services with full Go runtime metrics have about 1,500.
pub const SERIES_MAX: usize = 200_000;
/// Samples kept at most over all series: one to two bytes each, so about 64 MB.
pub const SAMPLES_MAX: usize = 32_000_000;
/// Bytes of names and values in one label set; longer ones are a defect of the target.
pub const LABEL_BYTES_MAX: usize = 8 * 1024;
/// Labels in one set; Prometheus' own scrape limits are set around this.
pub const LABELS_MAX: usize = 64;
/// How long samples are kept: an hour's window plus the look-back.
pub const RETENTION_MS: i64 = 65 * 60 * 1000;

/// The store's limits; [`Limits::default`] takes the constants above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Series at most.
    pub series: usize,
    /// Samples at most, over all series.
    pub samples: usize,
    /// Bytes of one label set at most.
    pub label_bytes: usize,
    /// Labels of one set at most.
    pub labels: usize,
    /// How long samples are kept at least; the oldest go a chunk at a time.
    pub retention_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            series: SERIES_MAX,
            samples: SAMPLES_MAX,
            label_bytes: LABEL_BYTES_MAX,
            labels: LABELS_MAX,
            retention_ms: RETENTION_MS,
        }
    }
}

/// Why a sample was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The store is full of series.
    #[error("take a new series: the store holds its limit of {0} series")]
    Series(usize),
    /// The store is full of samples.
    #[error("take a sample: the store holds its limit of {0} samples")]
    Samples(usize),
    /// The label set is too large.
    #[error("take a series: its labels are over the limit of {0} bytes or too many")]
    Labels(usize),
    /// The series is no longer held.
    #[error("take a sample: its series was forgotten")]
    Gone,
    /// The sample is not newer than the series' newest one.
    #[error("take a sample: its series already has one at {newest_ms} ms")]
    Order {
        /// The newest sample's time.
        newest_ms: i64,
    },
}

/// How many samples were refused, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refused {
    /// New series over the limit.
    pub series: u64,
    /// Samples over the limit.
    pub samples: u64,
    /// Label sets over the limit.
    pub labels: u64,
    /// Samples that were not newer than the newest one.
    pub order: u64,
}

impl Refused {
    /// Returns the sum over all reasons.
    pub fn total(&self) -> u64 {
        self.series + self.samples + self.labels + self.order
    }

    pub(super) fn count(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::Series(_) => self.series += 1,
            Refusal::Samples(_) => self.samples += 1,
            Refusal::Labels(_) => self.labels += 1,
            Refusal::Order { .. } => self.order += 1,
            // The sample comes again, by its labels.
            Refusal::Gone => {}
        }
    }
}
