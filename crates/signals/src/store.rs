//! Owns the bounded series store that every source appends to and every query reads from.
//! Knows nothing of where samples come from.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use squall_query::{Labels, Sample, Selector, Series, Storage, stale_marker};

/// Series kept at most; four services with full Go runtime metrics have about 1,500.
pub const SERIES_MAX: usize = 50_000;
/// Samples kept at most over all series: 16 bytes each, so about 64 MB.
pub const SAMPLES_MAX: usize = 4_000_000;
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
    /// How long samples are kept.
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

    fn count(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::Series(_) => self.series += 1,
            Refusal::Samples(_) => self.samples += 1,
            Refusal::Labels(_) => self.labels += 1,
            Refusal::Order { .. } => self.order += 1,
        }
    }
}

/// What an append did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// The sample's series was new to the store.
    NewSeries,
    /// The series was known.
    Known,
}

/// The bounded store. Samples are plain columns per series; nothing outside sees that.
pub struct Store {
    limits: Limits,
    columns: Vec<Column>,
    by_labels: HashMap<Labels, usize>,
    by_name: HashMap<Box<str>, Vec<usize>>,
    samples: usize,
    refused: Refused,
}

struct Column {
    labels: Labels,
    samples: VecDeque<Sample>,
    created_ms: Option<i64>,
}

impl Default for Store {
    fn default() -> Self {
        Store::new(Limits::default())
    }
}

impl Store {
    /// Builds an empty store.
    pub fn new(limits: Limits) -> Self {
        Store {
            limits,
            columns: Vec::new(),
            by_labels: HashMap::new(),
            by_name: HashMap::new(),
            samples: 0,
            refused: Refused::default(),
        }
    }

    /// Appends one sample. A refusal is also counted in [`Store::refused`].
    pub fn append(&mut self, labels: &Labels, t_ms: i64, v: f64) -> Result<Appended, Refusal> {
        let result = self.try_append(labels, t_ms, v);
        if let Err(refusal) = result {
            self.refused.count(refusal);
        }
        result
    }

    /// Notes a time at which a counter is known to have been at zero; the latest one counts.
    /// A series that the store does not hold is left alone.
    pub fn born(&mut self, labels: &Labels, at_ms: i64) {
        if let Some(&at) = self.by_labels.get(labels) {
            let column = &mut self.columns[at];
            column.created_ms = Some(column.created_ms.map_or(at_ms, |known| known.max(at_ms)));
        }
    }

    /// Marks a series as gone from this time on. A series the store does not hold is left alone.
    pub fn end(&mut self, labels: &Labels, t_ms: i64) {
        let open = |c: &Column| c.samples.back().is_some_and(|s| !s.is_stale() && s.t_ms < t_ms);
        if self.by_labels.get(labels).is_some_and(|&at| open(&self.columns[at])) {
            // A full store refuses the marker too, and counts it.
            let _ = self.append(labels, t_ms, stale_marker());
        }
    }

    /// Returns the time of a series' newest sample, markers included.
    pub fn newest_ms(&self, labels: &Labels) -> Option<i64> {
        let at = *self.by_labels.get(labels)?;
        self.columns[at].samples.back().map(|s| s.t_ms)
    }

    /// Drops what is older than the retention at this time, and series that became empty.
    pub fn forget(&mut self, now_ms: i64) {
        let oldest_ms = now_ms.saturating_sub(self.limits.retention_ms);
        for column in &mut self.columns {
            while column.samples.front().is_some_and(|s| s.t_ms < oldest_ms) {
                column.samples.pop_front();
                self.samples -= 1;
            }
        }
        if self.columns.iter().any(|c| c.samples.is_empty()) {
            self.columns.retain(|c| !c.samples.is_empty());
            self.index();
        }
    }

    /// Returns how many samples were refused since the start.
    pub fn refused(&self) -> Refused {
        self.refused
    }

    /// Returns the number of series held.
    pub fn series_len(&self) -> usize {
        self.columns.len()
    }

    /// Returns the number of samples held.
    pub fn samples_len(&self) -> usize {
        self.samples
    }

    fn try_append(&mut self, labels: &Labels, t_ms: i64, v: f64) -> Result<Appended, Refusal> {
        if self.samples >= self.limits.samples {
            return Err(Refusal::Samples(self.limits.samples));
        }
        let sample = Sample { t_ms, v };
        if let Some(&at) = self.by_labels.get(labels) {
            let column = &mut self.columns[at];
            if let Some(newest) = column.samples.back().filter(|s| s.t_ms >= t_ms) {
                return Err(Refusal::Order { newest_ms: newest.t_ms });
            }
            column.samples.push_back(sample);
            self.samples += 1;
            return Ok(Appended::Known);
        }
        if labels.bytes() > self.limits.label_bytes || labels.len() > self.limits.labels {
            return Err(Refusal::Labels(self.limits.label_bytes));
        }
        if self.columns.len() >= self.limits.series {
            return Err(Refusal::Series(self.limits.series));
        }
        self.columns.push(Column {
            labels: labels.clone(),
            samples: VecDeque::from([sample]),
            created_ms: None,
        });
        self.samples += 1;
        self.index_one(self.columns.len() - 1);
        Ok(Appended::NewSeries)
    }

    fn index(&mut self) {
        self.by_labels.clear();
        self.by_name.clear();
        for at in 0..self.columns.len() {
            self.index_one(at);
        }
    }

    fn index_one(&mut self, at: usize) {
        let labels = self.columns[at].labels.clone();
        self.by_name.entry(labels.metric().into()).or_default().push(at);
        self.by_labels.insert(labels, at);
    }
}

impl Storage for Store {
    fn select(&self, selector: &Selector, start_ms: i64, end_ms: i64) -> Vec<Series> {
        let read = |column: &Column| -> Option<Series> {
            if !selector.matches(&column.labels) {
                return None;
            }
            let from = column.samples.partition_point(|s| s.t_ms < start_ms);
            let to = column.samples.partition_point(|s| s.t_ms <= end_ms).max(from);
            let samples: Vec<Sample> = column.samples.range(from..to).copied().collect();
            let found = !samples.is_empty();
            found.then(|| Series {
                labels: column.labels.clone(),
                samples,
                created_ms: column.created_ms,
            })
        };
        match selector.metric_name() {
            Some(name) => {
                let places = self.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
                places.iter().filter_map(|&at| read(&self.columns[at])).collect()
            }
            None => self.columns.iter().filter_map(read).collect(),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("series", &self.columns.len())
            .field("samples", &self.samples)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use proptest::prelude::*;

    use super::*;

    fn labels(name: &str, pod: &str) -> Labels {
        Labels::named(name, [("pod", pod)])
    }

    fn times(store: &Store, name: &str, start_ms: i64, end_ms: i64) -> Vec<Vec<i64>> {
        let found = store.select(&Selector::metric(name), start_ms, end_ms);
        found.iter().map(|s| s.samples.iter().map(|s| s.t_ms).collect()).collect()
    }

    #[test]
    fn samples_come_back_by_name_and_range() {
        let mut store = Store::default();
        for t_ms in [1, 2, 3] {
            let new = store.append(&labels("a", "x"), t_ms, 0.5).unwrap();
            assert_eq!(new == Appended::NewSeries, t_ms == 1);
            store.append(&labels("b", "x"), t_ms, 0.5).unwrap();
        }
        assert_eq!(times(&store, "a", 2, 3), [[2, 3]]);
        assert_eq!(times(&store, "a", 4, 9), Vec::<Vec<i64>>::new());
        assert_eq!(store.select(&Selector::default().and("pod", "x"), 1, 1).len(), 2);
        assert_eq!(store.newest_ms(&labels("a", "x")), Some(3));
    }

    #[test]
    fn each_limit_refuses_and_counts() {
        let limits = Limits { series: 1, samples: 3, label_bytes: 20, labels: 2, retention_ms: 10 };
        let mut store = Store::new(limits);
        let known = labels("a", "x");
        store.append(&known, 1, 0.0).unwrap();
        assert_eq!(store.append(&known, 1, 0.0), Err(Refusal::Order { newest_ms: 1 }));
        assert_eq!(store.append(&labels("b", "x"), 1, 0.0), Err(Refusal::Series(1)));
        let long = labels("a", "a very long name of a pod");
        assert_eq!(store.append(&long, 1, 0.0), Err(Refusal::Labels(20)));
        store.append(&known, 2, 0.0).unwrap();
        store.append(&known, 3, 0.0).unwrap();
        assert_eq!(store.append(&known, 4, 0.0), Err(Refusal::Samples(3)));
        let refused = Refused { series: 1, samples: 1, labels: 1, order: 1 };
        assert_eq!((store.refused(), store.refused().total()), (refused, 4));
        store.forget(13);
        assert_eq!(store.samples_len(), 1, "only the sample at 3 ms is within 10 ms");
        store.append(&known, 5, 0.0).unwrap();
        store.forget(100);
        assert_eq!((store.series_len(), store.samples_len()), (0, 0));
        store.append(&labels("b", "x"), 101, 0.0).unwrap();
        assert_eq!(times(&store, "b", 0, 200), [[101]]);
    }

    #[test]
    fn an_end_is_marked_once_and_a_birth_keeps_the_latest_time() {
        let mut store = Store::default();
        let a = labels("a", "x");
        store.end(&a, 1);
        store.born(&a, 1);
        assert_eq!(store.series_len(), 0);
        store.append(&a, 1, 0.0).unwrap();
        store.end(&a, 2);
        store.end(&a, 3);
        store.born(&a, 7);
        store.born(&a, 5);
        let found = store.select(&Selector::metric("a"), 0, 9).pop().unwrap();
        assert_eq!(found.samples.len(), 2);
        assert!(found.samples[1].is_stale());
        assert_eq!((found.created_ms, store.refused().total()), (Some(7), 0));
    }

    proptest! {
        #[test]
        fn a_store_never_exceeds_its_limits_and_counts_what_it_holds(
            steps in proptest::collection::vec((0..4_u8, 0..5_u8, 0..60_i64), 0..80)
        ) {
            let limits = Limits { series: 3, samples: 20, retention_ms: 15, ..Limits::default() };
            let mut store = Store::new(limits);
            for (what, pod, t_ms) in steps {
                let labels = labels("a", &pod.to_string());
                match what {
                    0 => store.forget(t_ms),
                    1 => store.end(&labels, t_ms),
                    _ => drop(store.append(&labels, t_ms, 1.0)),
                }
                let held = times(&store, "a", i64::MIN, i64::MAX);
                prop_assert!(held.len() <= 3 && held.len() == store.series_len());
                prop_assert_eq!(held.iter().map(Vec::len).sum::<usize>(), store.samples_len());
                prop_assert!(store.samples_len() <= 20);
                prop_assert!(held.iter().all(|times| times.is_sorted_by(|a, b| a < b)));
            }
        }
    }
}
