//! Owns the newest samples of chosen series as they came: a reading looks at them at every sample,
//! and would decode a look-back of chunks each time.

use squall_query::indicator::SPACING_SAMPLES;
use squall_query::{LOOKBACK_MS, Labels, Sample, Selector, between};

/// Samples kept of one series; when there are more, the older half goes.
const KEPT_MAX: usize = 48;

/// The newest samples of one series, none missing between them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    samples: Vec<Sample>,
    /// There are older ones than these.
    cut: bool,
}

impl Recent {
    /// Keeps the newest of the samples that are there already.
    pub(super) fn new(known: &[Sample]) -> Recent {
        let from = known.len().saturating_sub(KEPT_MAX / 2);
        Recent { samples: known[from..].to_vec(), cut: from > 0 }
    }

    pub(super) fn push(&mut self, sample: Sample) {
        if self.samples.len() >= KEPT_MAX {
            self.samples.drain(..KEPT_MAX / 2);
            self.cut = true;
        }
        self.samples.push(sample);
    }

    /// Returns what a reading between two times needs, as in
    /// [`Storage::visit_recent`](squall_query::Storage::visit_recent); none where more than what is
    /// kept would be needed.
    pub(super) fn read(&self, (prev_ms, at_ms): (i64, i64)) -> Option<&[Sample]> {
        let from_ms = prev_ms.saturating_sub(LOOKBACK_MS);
        let shown = between(&self.samples, from_ms, at_ms);
        let reaches = !self.cut || self.samples.first().is_some_and(|s| s.t_ms <= from_ms);
        (reaches || says_enough(shown, prev_ms)).then_some(shown)
    }
}

/// Tells whether older samples than these could not change a reading.
fn says_enough(shown: &[Sample], prev_ms: i64) -> bool {
    let before = &shown[..shown.partition_point(|s| s.t_ms <= prev_ms)];
    let alive = before.iter().filter(|s| !s.is_stale());
    alive.clone().count() >= SPACING_SAMPLES && alive.clone().any(|s| !s.v.is_nan())
}

/// The selectors that are read again and again, each with the places of its series in their order.
#[derive(Debug, Default)]
pub(super) struct Chosen(Vec<(Selector, Vec<u32>)>);

impl Chosen {
    pub(super) fn add(&mut self, selector: Selector, places: Vec<u32>) {
        self.0.push((selector, places));
    }

    /// Returns the series of a selector; none where it was not chosen.
    pub(super) fn places(&self, selector: &Selector) -> Option<&[u32]> {
        self.0.iter().find(|(known, _)| known == selector).map(|(_, places)| places.as_slice())
    }

    /// Takes a new series, and tells whether somebody wants it.
    pub(super) fn born(&mut self, place: u32, labels: &Labels) -> bool {
        let mut wanted = false;
        for (_, places) in self.0.iter_mut().filter(|(selector, _)| selector.matches(labels)) {
            wanted = true;
            if let Err(at) = places.binary_search(&place) {
                places.insert(at, place);
            }
        }
        wanted
    }

    /// Leaves out series that are forgotten; their places are sorted.
    pub(super) fn gone(&mut self, gone: &[u32]) {
        for (_, places) in &mut self.0 {
            places.retain(|place| gone.binary_search(place).is_err());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, Store};
    use super::*;
    use proptest::prelude::*;
    use squall_query::indicator::{Bound, Indicator, Op};
    use squall_query::{Series, Storage, stale_marker};

    /// The same store, read in full.
    struct Whole<'s>(&'s Store);

    impl Storage for Whole<'_> {
        fn select(&self, selector: &Selector, start_ms: i64, end_ms: i64) -> Vec<Series> {
            self.0.select(selector, start_ms, end_ms)
        }
    }

    const QUERIES: [&str; 3] = [
        r#"sum(rate(a_total{r="ok"}[30s])) / sum(rate(a_total[30s]))"#,
        "histogram_quantile(0.9, sum by (le) (rate(d_bucket[2m])))",
        "max(a_total)",
    ];

    fn labels(n: usize) -> Labels {
        let instance = ["i:1", "i:2"][n % 2];
        match n / 2 {
            0 => Labels::named("a_total", [("instance", instance), ("r", "ok")]),
            1 => Labels::named("a_total", [("instance", instance), ("r", "error")]),
            2 => Labels::named("d_bucket", [("instance", instance), ("le", "0.1")]),
            3 => Labels::named("d_bucket", [("instance", instance), ("le", "+Inf")]),
            _ => Labels::named("up", [("instance", instance)]),
        }
    }

    /// Series of which each scrape brings one more sample or not: a restart, a missing one, the
    /// end, NaN, a long pause.
    fn check(steps: &[(u8, u8)], every_ms: i64, choose_at: usize) -> Result<(), TestCaseError> {
        let mut store = Store::new(Limits { retention_ms: 400_000, ..Limits::default() });
        let indicators = QUERIES.map(|query| Indicator::compile(query).expect("a query"));
        let bound = Bound { op: Op::AtMost, value: 0.1 };
        let (mut values, mut at_ms, mut prev_ms) = ([0.0; 10], 0, 0);
        for (round, chunk) in steps.chunks(10).enumerate() {
            if round == choose_at {
                for indicator in &indicators {
                    store.keep_recent(indicator.selectors());
                }
                store.keep_recent([Selector::metric("up")]);
            }
            at_ms += every_ms;
            for (n, (by, what)) in chunk.iter().enumerate() {
                values[n] = if *what == 0 { 0.0 } else { values[n] + f64::from(by % 16) };
                let v = match what {
                    1 => continue,
                    2 => stale_marker(),
                    3 => f64::NAN,
                    _ => values[n],
                };
                let early_ms = i64::from(*what) * 7;
                let _refused = store.append(&labels(n), at_ms - early_ms, v);
                if *what == 4 {
                    store.born(&labels(n), at_ms - early_ms);
                }
            }
            if chunk[0] == (0, 5) {
                at_ms += 500_000;
            }
            store.forget(at_ms);
            for indicator in &indicators {
                let recent = indicator.read(&store, prev_ms, at_ms, bound);
                let whole = indicator.read(&Whole(&store), prev_ms, at_ms, bound);
                prop_assert_eq!(recent, whole, "{} at {}", indicator.query(), at_ms);
            }
            // Now and then two samples are read as one.
            if chunk[0].1 % 3 != 0 {
                prev_ms = at_ms;
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
        #[test]
        fn a_reading_of_the_newest_samples_is_the_reading_of_all(
            steps in proptest::collection::vec((0..=255_u8, 0..40_u8), 100..1500),
            every_ms in 500..20_000_i64,
            choose_at in 0..100_usize,
        ) {
            check(&steps, every_ms, choose_at)?;
        }
    }

    #[test]
    fn what_is_kept_is_read_where_it_says_enough() {
        let sample = |n: i64| Sample { t_ms: n * 1000, v: n as f64 };
        let mut recent = Recent::default();
        (0..KEPT_MAX as i64).for_each(|n| recent.push(sample(n)));
        let read = |recent: &Recent, prev: i64, at: i64| {
            recent.read((prev * 1000, at * 1000)).map(<[_]>::len)
        };
        assert_eq!(read(&recent, 0, 9), Some(10), "nothing is older");
        recent.push(sample(48));
        assert_eq!(read(&recent, 47, 48), Some(25));
        assert_eq!(read(&recent, 24 + 8, 48), Some(25));
        assert_eq!(read(&recent, 24 + 7, 48), None, "eight tell no interval");
        let late = Recent::new(&(0..100).map(sample).collect::<Vec<_>>());
        assert_eq!((read(&late, 99, 100), read(&late, 10, 100)), (Some(24), None));
        assert_eq!(read(&late, 1000, 2000), Some(0), "all of it is older than the look-back");
    }
}
