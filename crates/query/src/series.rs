//! Owns samples, series and the `Storage` they are read from. Knows nothing of queries.

use crate::histogram::HistogramSeries;
use crate::labels::Labels;
use crate::selector::Selector;

/// How far an instant selector looks back for a sample; Prometheus' default.
pub const LOOKBACK_MS: i64 = 5 * 60 * 1000;

/// The bit pattern that marks a series as gone, the same as in Prometheus.
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// One value at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub t_ms: i64,
    /// The value; see [`stale_marker`] for the one that means "gone".
    pub v: f64,
}

impl Sample {
    /// Tells whether the sample says that the series ended here.
    pub fn is_stale(&self) -> bool {
        is_stale_marker(self.v)
    }
}

/// Returns the value that marks a series as gone.
pub fn stale_marker() -> f64 {
    f64::from_bits(STALE_BITS)
}

/// Tells whether a value is the marker of a series that is gone.
pub fn is_stale_marker(v: f64) -> bool {
    v.to_bits() == STALE_BITS
}

/// A label set with its samples in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What names it.
    pub labels: Labels,
    /// Its samples, oldest first, staleness markers included.
    pub samples: Vec<Sample>,
    /// For a counter: a time at which it is known to have been at zero, the latest known. Either
    /// the source said so (`_created`), or an earlier pull of the same target lacked the series.
    pub created_ms: Option<i64>,
}

/// One series as a storage shows it; it has a sample or more.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'s> {
    /// What names it.
    pub labels: &'s Labels,
    /// Its samples of the times asked for.
    pub samples: &'s [Sample],
    /// As in [`Series`].
    pub created_ms: Option<i64>,
}

/// What looks at one series after the other.
pub type Visitor<'v> = dyn FnMut(Seen<'_>) + 'v;

impl Series {
    /// Shows the samples with `start_ms <= t <= end_ms`, where there is one.
    pub fn seen(&self, start_ms: i64, end_ms: i64) -> Option<Seen<'_>> {
        let samples = between(&self.samples, start_ms, end_ms);
        let (labels, created_ms) = (&self.labels, self.created_ms);
        (!samples.is_empty()).then_some(Seen { labels, samples, created_ms })
    }
}

/// What a query reads from.
pub trait Storage {
    /// Returns every series that matches, each with its samples of `start_ms..=end_ms`; a series
    /// without a sample there may be left out.
    fn select(&self, selector: &Selector, start_ms: i64, end_ms: i64) -> Vec<Series>;

    /// Shows what [`Storage::select`] returns, in the same order; a storage that need not copy
    /// samples for it does not.
    fn visit(&self, selector: &Selector, start_ms: i64, end_ms: i64, see: &mut Visitor<'_>) {
        let found = self.select(selector, start_ms, end_ms);
        found.iter().filter_map(|series| series.seen(start_ms, end_ms)).for_each(see);
    }

    /// Shows what a reading between two times needs of every series that matches: each sample after
    /// `prev_ms` up to `at_ms`, and those before that are no older than the look-back. A storage
    /// may leave out the older of these, as long as it shows
    /// [`SPACING_SAMPLES`](crate::indicator::SPACING_SAMPLES) or more that are no staleness marker,
    /// one of them a number, and none is missing between the ones it shows.
    fn visit_recent(
        &self,
        selector: &Selector,
        (prev_ms, at_ms): (i64, i64),
        see: &mut Visitor<'_>,
    ) {
        self.visit(selector, prev_ms.saturating_sub(LOOKBACK_MS), at_ms, see);
    }

    /// Tells whether the storage has native histograms at all.
    fn holds_histograms(&self) -> bool {
        false
    }

    /// Returns every series of native histograms that matches, as [`Storage::select`] does. A
    /// series may have numbers and histograms, one after the other.
    fn histograms(
        &self,
        _selector: &Selector,
        _start_ms: i64,
        _end_ms: i64,
    ) -> Vec<HistogramSeries> {
        Vec::new()
    }
}

impl Storage for Vec<Series> {
    fn select(&self, selector: &Selector, start_ms: i64, end_ms: i64) -> Vec<Series> {
        self.iter()
            .filter(|series| selector.matches(&series.labels))
            .map(|series| Series {
                labels: series.labels.clone(),
                samples: between(&series.samples, start_ms, end_ms).to_vec(),
                created_ms: series.created_ms,
            })
            .filter(|series| !series.samples.is_empty())
            .collect()
    }

    fn visit(&self, selector: &Selector, start_ms: i64, end_ms: i64, see: &mut Visitor<'_>) {
        let found = self.iter().filter(|series| selector.matches(&series.labels));
        found.filter_map(|series| series.seen(start_ms, end_ms)).for_each(see);
    }
}

/// Returns the samples with `start_ms <= t_ms <= end_ms` of a list that is sorted by time.
pub fn between(samples: &[Sample], start_ms: i64, end_ms: i64) -> &[Sample] {
    let from = samples.partition_point(|s| s.t_ms < start_ms);
    let to = samples.partition_point(|s| s.t_ms <= end_ms);
    &samples[from..to.max(from)]
}
