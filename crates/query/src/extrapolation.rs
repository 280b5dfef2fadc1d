//! Owns the extrapolation that `rate`, `increase` and `delta` share, exactly as Prometheus does it.

use crate::function::Window;
use crate::histogram::{self, Hint, Histogram};
use crate::value::Datum;

/// A gap beyond this many mean intervals at a window's edge is taken as a series' start or end.
const EDGE_INTERVALS: f64 = 1.1;

/// How far a change between two samples reaches beyond them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    sampled: f64,
    before: f64,
    after: f64,
    whole: f64,
}

impl Stretch {
    /// Works out how far the samples from `first_ms` to `last_ms`, two or more, speak for the window
    /// `from_ms..to_ms`.
    pub(crate) fn of(
        (first_ms, last_ms, count): (i64, i64, usize),
        (from_ms, to_ms): (i64, i64),
    ) -> Stretch {
        let seconds = |from_ms: i64, to_ms: i64| (to_ms - from_ms) as f64 / 1000.0;
        let sampled = seconds(first_ms, last_ms);
        let interval = sampled / (count - 1) as f64;
        let edge = |gap: f64| if gap >= interval * EDGE_INTERVALS { interval / 2.0 } else { gap };
        let (before, after) = (edge(seconds(from_ms, first_ms)), edge(seconds(last_ms, to_ms)));
        Stretch { sampled, before, after, whole: (sampled + before + after) / sampled }
    }

    /// Returns a change stretched to the window's edges; `first` is the value it began from.
    pub(crate) fn stretched(&self, first: f64, change: f64, counter: bool) -> f64 {
        change * self.factor(first, change, counter)
    }

    fn factor(&self, first: f64, change: f64, counter: bool) -> f64 {
        if counter && change > 0.0 && first >= 0.0 {
            // A counter does not start below zero, so it is not stretched beyond its zero.
            let since_zero = self.sampled * (first / change);
            if since_zero < self.before {
                return (self.sampled + since_zero + self.after) / self.sampled;
            }
        }
        self.whole
    }
}

/// Returns the change over the window, stretched to its edges; `None` with fewer than two samples.
pub(crate) fn change(window: &Window<'_>, counter: bool) -> Option<f64> {
    let [first, .., last] = window.samples else { return None };
    let mut change = last.v - first.v;
    if counter {
        let resets = window.samples.windows(2).filter(|pair| pair[1].v < pair[0].v);
        resets.for_each(|pair| change += pair[0].v);
    }
    let ends = (first.t_ms, last.t_ms, window.samples.len());
    let stretch = Stretch::of(ends, (window.from_ms, window.to_ms));
    Some(stretch.stretched(first.v, change, counter))
}

/// Returns the change over the window divided by a length, for numbers and native histograms;
/// nothing where a window has both.
pub(crate) fn change_of(window: &Window<'_>, counter: bool, divisor: f64) -> Option<Datum> {
    let (first, last) = match (window.samples, window.histograms) {
        (_, []) => return Some(Datum::Float(change(window, counter)? / divisor)),
        ([], [first, .., last]) => (first, last),
        _ => return None,
    };
    let change = histogram::change(window.histograms, counter)?;
    let ends = (first.t_ms, last.t_ms, window.histograms.len());
    let stretch = Stretch::of(ends, (window.from_ms, window.to_ms));
    let factor = stretch.factor(first.histogram.count, change.count, counter);
    Some(change.times(factor / divisor).into())
}

/// Returns the change between the last two samples, for a counter per second.
pub(crate) fn last_two(window: &Window<'_>, counter: bool) -> Option<Datum> {
    let newest =
        Window { samples: &window.samples[window.samples.len().saturating_sub(2)..], ..*window };
    let all = newest.both();
    let [.., (before_ms, before), (last_ms, last)] = all.as_slice() else { return None };
    let divisor = if counter { (last_ms - before_ms) as f64 / 1000.0 } else { 1.0 };
    match (before, last) {
        (Datum::Float(before), Datum::Float(last)) => {
            let change = if counter && last < before { *last } else { last - before };
            Some(Datum::Float(change / divisor))
        }
        (Datum::Histogram(before), Datum::Histogram(last)) => {
            let change = if counter && last.was_reset_since(before) {
                Histogram { hint: Hint::Gauge, ..Histogram::clone(last) }
            } else {
                last.minus(before)?
            };
            Some(change.over(divisor).into())
        }
        _ => None,
    }
}

/// Returns the window's length in seconds.
pub(crate) fn length_s(window: &Window<'_>) -> f64 {
    (window.to_ms - window.from_ms) as f64 / 1000.0
}
