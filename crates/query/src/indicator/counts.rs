//! Owns raw counter deltas between two times. Never goes through `rate()`: its stretching to the
//! window's edges makes fractions of events, and it loses the first events of a new series.

use std::collections::BTreeMap;

use crate::buckets::{self, Bucket};
use crate::indicator::bound::Op;
use crate::indicator::health::Watched;
use crate::indicator::reading::Counts;
use crate::indicator::shape::{Quantile, Ratio};
use crate::labels::{BUCKET_BOUND, Labels};
use crate::selector::Selector;
use crate::series::{Sample, Seen, Visitor};

/// What was counted, and whether it may be too little.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Counted {
    pub(crate) counts: Counts,
    pub(crate) reset: bool,
    /// The quantile of the counted events alone; absent for a share, or where there are none.
    pub(crate) estimate: Option<f64>,
}

/// One counter's growth between two times.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Growth {
    events: f64,
    reset: bool,
}

/// The series of one selector and the times between which they are counted.
pub(crate) struct Between<'b> {
    pub(crate) prev_ms: i64,
    pub(crate) watched: &'b Watched,
    /// Shows a selector's series up to `at_ms`.
    pub(crate) visit: &'b dyn Fn(&Selector, &mut Visitor<'_>),
}

impl Between<'_> {
    /// Counts a share's events; `None` where no counter of the whole has a known start.
    pub(crate) fn ratio(&self, ratio: &Ratio, op: Op) -> Option<Counted> {
        let whole = self.sum(&ratio.whole)?;
        let part = self.sum(&ratio.part).unwrap_or(Growth { events: 0.0, reset: false });
        // Two counters of one target are not read at the same instant, so a part may lead.
        let (total, part_events) = (whole.events.round(), part.events.round().min(whole.events));
        let good_part = op.wants_more() != ratio.inverted;
        let bad = if good_part { total - part_events } else { part_events };
        let bad = events(bad);
        Some(Counted {
            counts: Counts { total: events(total), bad_least: bad, bad_most: bad },
            reset: whole.reset || part.reset,
            estimate: None,
        })
    }

    /// Counts observations above a limit, by bucket edges.
    pub(crate) fn quantile(&self, quantile: &Quantile, limit: f64) -> Option<Counted> {
        let mut histograms = BTreeMap::<Labels, Vec<(f64, Growth)>>::new();
        (self.visit)(&quantile.buckets, &mut |seen| {
            let edge = seen.labels.get(BUCKET_BOUND).parse::<f64>().ok();
            if let Some((edge, growth)) = edge.zip(self.growth(seen)) {
                let of = seen.labels.without(&[BUCKET_BOUND]);
                histograms.entry(of).or_default().push((edge, growth));
            }
        });
        let mut counted: Option<Counted> = None;
        let mut merged = BTreeMap::<u64, Bucket>::new();
        for buckets in histograms.values_mut() {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            let Some((_, all)) = buckets.last().filter(|(edge, _)| *edge == f64::INFINITY) else {
                continue;
            };
            let total = all.events;
            let below = buckets.iter().rfind(|(edge, _)| *edge <= limit);
            let above = buckets.iter().find(|(edge, _)| *edge >= limit);
            let over = |bucket: Option<&(f64, Growth)>| {
                events(total - bucket.map_or(0.0, |(_, growth)| growth.events.min(total)))
            };
            let sum = counted.get_or_insert(Counted {
                counts: Counts { total: 0, bad_least: 0, bad_most: 0 },
                reset: false,
                estimate: None,
            });
            sum.counts.total += events(total);
            sum.counts.bad_least += over(above);
            sum.counts.bad_most += over(below);
            sum.reset |= buckets.iter().any(|(_, growth)| growth.reset);
            for (upper, growth) in buckets.iter() {
                let at =
                    merged.entry(upper.to_bits()).or_insert(Bucket { upper: *upper, count: 0.0 });
                at.count += growth.events;
            }
        }
        let mut merged: Vec<Bucket> = merged.into_values().collect();
        let estimate = buckets::quantile(quantile.tau, &mut merged);
        counted.map(|counted| Counted {
            estimate: Some(estimate).filter(|v| v.is_finite()),
            ..counted
        })
    }

    fn sum(&self, selectors: &[Selector]) -> Option<Growth> {
        let mut sum: Option<Growth> = None;
        for selector in selectors {
            (self.visit)(selector, &mut |seen| {
                if let Some(growth) = self.growth(seen) {
                    let sum = sum.get_or_insert(Growth { events: 0.0, reset: false });
                    sum.events += growth.events;
                    sum.reset |= growth.reset;
                }
            });
        }
        sum
    }

    /// Returns a counter's growth, or `None` where its start is unknown.
    fn growth(&self, series: Seen<'_>) -> Option<Growth> {
        let seen = |s: &&Sample| !s.is_stale() && !s.v.is_nan();
        let split = series.samples.partition_point(|s| s.t_ms <= self.prev_ms);
        let (before, inside) = series.samples.split_at(split);
        let base = before.iter().rfind(seen);
        let mut inside = inside.iter().filter(seen).peekable();
        let known = base.is_some();
        let known_before = series.created_ms.is_some_and(|ms| ms >= self.prev_ms);
        let mut growth = Growth { events: 0.0, reset: false };
        let several = inside.clone().nth(1).is_some();
        let (mut last, mut last_ms) = match (base, inside.peek()) {
            (Some(base), _) => (base.v, base.t_ms),
            (None, None) => return None,
            // Nothing of it was there at the window's start, although somebody looked: it was born
            // inside, and a counter is born at zero.
            (None, Some(first)) if known_before || self.watched.has(series.labels) => {
                (0.0, first.t_ms.min(self.prev_ms))
            }
            (None, Some(first)) if several => (first.v, first.t_ms),
            (None, Some(_)) => return None,
        };
        for sample in inside {
            // A restart shows as a lower value, or by the time at which the counter was made.
            let remade =
                known && series.created_ms.is_some_and(|ms| last_ms < ms && ms <= sample.t_ms);
            if sample.v < last || remade {
                growth.reset = true;
                last = 0.0;
            }
            growth.events += sample.v - last;
            (last, last_ms) = (sample.v, sample.t_ms);
        }
        Some(growth)
    }
}

fn events(count: f64) -> u64 {
    // The cast saturates: a negative count, which only unlike reads can make, becomes zero.
    count.round() as u64
}
