//! Owns the readings of an indicator at one time after the other: each costs what arrived since the
//! last one, and is the same as a reading by itself.

use std::collections::{HashMap, VecDeque};

use crate::eval::Cached;
use crate::incremental::{RuleId, Rules, SeriesKey};
use crate::indicator::bound::Bound;
use crate::indicator::compiled::Indicator;
use crate::indicator::health::UP;
use crate::indicator::reading::Reading;
use crate::labels::Labels;
use crate::selector::Selector;
use crate::series::{LOOKBACK_MS, Sample, Series, Storage, between};

/// Samples held at most, 16 bytes each and twice; beyond it each reading is by itself.
const SAMPLES_MAX: usize = 10_000_000;

/// Readings of an indicator along a time.
pub struct Walk<'w> {
    indicator: &'w Indicator,
    bound: Bound,
    storage: &'w dyn Storage,
    held: Option<Held>,
}

/// The indicator's series, read once, and the query kept up to date over them.
struct Held {
    cached: Cached,
    rules: Rules,
    rule: RuleId,
    /// Each series by its key: the samples that have not arrived yet.
    ahead: Vec<VecDeque<Sample>>,
    at_ms: i64,
}

impl Indicator {
    /// Prepares readings between two times.
    pub fn walk<'w>(
        &'w self,
        storage: &'w dyn Storage,
        (from_ms, to_ms): (i64, i64),
        bound: Bound,
    ) -> Walk<'w> {
        let held = Held::new(self, storage, (from_ms, to_ms), SAMPLES_MAX);
        Walk { indicator: self, bound, storage, held }
    }
}

impl Walk<'_> {
    /// As [`Indicator::read`]; cheap where times go forward and stay inside the walk's.
    pub fn read(&mut self, prev_ms: i64, at_ms: i64) -> Reading {
        let (indicator, bound) = (self.indicator, self.bound);
        let Some(held) = self.held.as_mut().filter(|held| prev_ms >= held.at_ms) else {
            return indicator.read(self.storage, prev_ms, at_ms, bound);
        };
        held.advance(at_ms);
        let value = held.rules.eval(held.rule, &held.cached, at_ms);
        held.at_ms = prev_ms;
        indicator.read_evaluated(value, &held.cached, (prev_ms, at_ms), bound)
    }
}

impl Held {
    /// Reads the series; none where the query looks beyond its window, or where there is too much.
    fn new(
        indicator: &Indicator,
        storage: &dyn Storage,
        (from_ms, to_ms): (i64, i64),
        samples_max: usize,
    ) -> Option<Held> {
        if !indicator.is_plain() || storage.holds_histograms() {
            return None;
        }
        let reach_ms = indicator.window_ms().max(LOOKBACK_MS);
        let times = (from_ms.saturating_sub(reach_ms), to_ms);
        let mut selectors = indicator.selectors();
        // A part's series are among the whole's, which has fewer conditions.
        selectors.sort_by_key(|selector| selector.matchers.len());
        let up = std::iter::once(Selector::metric(UP)).filter(|up| !selectors.contains(up));
        let all = selectors.iter().cloned().chain(up);
        let cached = Cached::numbers(all, storage, times, samples_max)?;
        let mut keys = HashMap::<Labels, SeriesKey>::new();
        let mut ahead = Vec::new();
        for selector in &selectors {
            let mut last = None;
            for series in cached.series(selector) {
                let next = keys.len() as SeriesKey;
                let key = *keys.entry(series.labels.clone()).or_insert_with(|| {
                    let split = series.samples.partition_point(|s| s.t_ms <= from_ms);
                    ahead.push(series.samples[split..].iter().copied().collect());
                    next
                });
                // Sums of floats depend on the order, which must be the storage's.
                if last.replace(key).is_some_and(|last| last >= key) {
                    return None;
                }
            }
        }
        let mut rules = Rules::default();
        let rule = rules.add(indicator.expr().clone(), from_ms, &mut |selector, since_ms| {
            let known = |series: &Series| {
                let samples = between(&series.samples, since_ms, from_ms).to_vec();
                Some((*keys.get(&series.labels)?, Series { samples, ..series.clone() }))
            };
            cached.series(selector).iter().filter_map(known).collect()
        });
        Some(Held { cached, rules, rule, ahead, at_ms: from_ms })
    }

    fn advance(&mut self, at_ms: i64) {
        for (key, ahead) in self.ahead.iter_mut().enumerate() {
            while let Some(sample) = ahead.pop_front_if(|sample| sample.t_ms <= at_ms) {
                self.rules.arrived(key as SeriesKey, sample);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use proptest::prelude::*;

    use super::*;
    use crate::indicator::bound::Op;
    use crate::series::stale_marker;

    const QUERIES: &[&str] = &[
        r#"sum(rate(a_total{r="ok"}[30s])) / sum(rate(a_total[30s]))"#,
        r#"1 - (sum(increase(a_total{r="error"}[1m])) or vector(0)) / sum(increase(a_total[1m]))"#,
        "histogram_quantile(0.9, sum by (le) (rate(d_bucket[2m])))",
        "max(avg_over_time(g[45s]))",
        "g",
        r#"sum(rate(a_total{r!="x"}[30s])) + sum(rate(a_total{pod="x"}[30s]))"#,
        "sum(rate(a_total[30s] offset 5s))",
        "vector(1)",
    ];

    fn storage(cells: &[(u8, u8)], every_ms: i64) -> Vec<Series> {
        let labels = |n: usize| {
            let pod = ["x", "y"][n % 2];
            match n {
                0..4 => Labels::named("a_total", [("r", ["ok", "error"][n / 2]), ("pod", pod)]),
                4..8 => {
                    Labels::named("d_bucket", [("le", ["0.1", "+Inf"][(n - 4) / 2]), ("pod", pod)])
                }
                8 => Labels::named("g", [("pod", pod)]),
                _ => Labels::named("up", [("instance", "i"), ("job", "j")]),
            }
        };
        let series = |n: usize| {
            let mut v = 0.0;
            let sample = |(at, (by, what)): (usize, &(u8, u8))| {
                v = if *what == 0 { 0.0 } else { v + f64::from(by % 16) };
                let t_ms = at as i64 * every_ms + if *what == 1 { 70 } else { 0 };
                let v = if *what == 2 { stale_marker() } else { v };
                (*what != 3).then_some(Sample { t_ms, v })
            };
            let own = cells.iter().skip(n).step_by(10).enumerate();
            let created_ms = (n == 2).then_some(3_000);
            Series { labels: labels(n), samples: own.filter_map(sample).collect(), created_ms }
        };
        (0..10).map(series).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
        #[test]
        fn a_walk_reads_what_single_readings_read(
            cells in proptest::collection::vec((0..=255_u8, 0..24_u8), 200..700),
            every_ms in 500..15_000_i64,
            from in 0..40_i64,
            steps in proptest::collection::vec(1..4_i64, 1..30),
        ) {
            let storage = storage(&cells, every_ms);
            for query in QUERIES {
                let indicator = Indicator::compile(query).unwrap();
                let bound = Bound { op: Op::AtLeast, value: 0.9 };
                let from_ms = from * every_ms;
                let to_ms = from_ms + steps.iter().sum::<i64>() * every_ms;
                let mut walk = indicator.walk(&storage, (from_ms, to_ms), bound);
                let (mut prev_ms, mut at_ms) = (from_ms, from_ms);
                for step in &steps {
                    at_ms += step * every_ms;
                    let alone = indicator.read(&storage, prev_ms, at_ms, bound);
                    let walked = walk.read(prev_ms, at_ms);
                    prop_assert_eq!(alone, walked, "{} at {}", query, at_ms);
                    // As a matrix does, which waits for a late scrape from the same beginning.
                    if *step != 2 {
                        prev_ms = at_ms;
                    }
                }
            }
        }
    }

    #[test]
    fn a_walk_that_would_hold_too_much_reads_each_by_itself() {
        let storage = storage(&vec![(3, 9); 400], 1000);
        let indicator = Indicator::compile(QUERIES[0]).unwrap();
        let held = |most| Held::new(&indicator, &storage, (0, 30_000), most);
        assert!(held(SAMPLES_MAX).is_some() && held(100).is_none());
        let held = |query| {
            let indicator = Indicator::compile(query).unwrap();
            Held::new(&indicator, &storage, (0, 30_000), SAMPLES_MAX).is_some()
        };
        let found: Vec<bool> = QUERIES.iter().map(|query| held(query)).collect();
        assert_eq!(found, [true, true, true, true, true, true, false, true]);
    }
}
