//! Owns the extrapolation that `rate`, `increase` and `delta` share, exactly as Prometheus does it.

use crate::function::Window;
use crate::histogram::{self, Hint, Histogram, HistogramSample};
use crate::series::Sample;
use crate::value::Datum;

/// A gap beyond this many mean intervals at a window's edge is taken as a series' start or end.
const EDGE_INTERVALS: f64 = 1.1;

/// What of a window's samples its change depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) first: Sample,
    pub(crate) last: Sample,
    pub(crate) count: usize,
}

/// Returns the change over the window, stretched to its edges; `None` with fewer than two samples.
pub(crate) fn change(window: &Window<'_>, counter: bool) -> Option<f64> {
    let (first, last) = (*window.samples.first()?, *window.samples.last()?);
    let ends = Ends { first, last, count: window.samples.len() };
    let resets = window.samples.windows(2).filter(|pair| pair[1].v < pair[0].v).map(|p| p[0].v);
    stretched(ends, resets, counter, (window.from_ms, window.to_ms))
}

/// Returns the change between two samples, stretched to the edges of `from_ms..to_ms`. `resets`
/// are the values before each reset between them, oldest first; a gauge has none.
pub(crate) fn stretched(
    Ends { first, last, count }: Ends,
    resets: impl Iterator<Item = f64>,
    counter: bool,
    (from_ms, to_ms): (i64, i64),
) -> Option<f64> {
    if count < 2 {
        return None;
    }
    let mut change = last.v - first.v;
    if counter {
        resets.for_each(|before| change += before);
    }
    Some(change * stretch(Ends { first, last, count }, change, counter, (from_ms, to_ms)))
}

/// Returns the factor by which a change between two samples grows to the window's edges.
pub(crate) fn stretch(
    Ends { first, last, count }: Ends,
    change: f64,
    counter: bool,
    (from_ms, to_ms): (i64, i64),
) -> f64 {
    let seconds = |from_ms: i64, to_ms: i64| (to_ms - from_ms) as f64 / 1000.0;
    let sampled = seconds(first.t_ms, last.t_ms);
    let interval = sampled / (count - 1) as f64;
    let edge = |gap: f64| if gap >= interval * EDGE_INTERVALS { interval / 2.0 } else { gap };
    let mut before = edge(seconds(from_ms, first.t_ms));
    if counter && change > 0.0 && first.v >= 0.0 {
        // A counter does not start below zero, so it is not stretched beyond its zero.
        before = before.min(sampled * (first.v / change));
    }
    let after = edge(seconds(last.t_ms, to_ms));
    (sampled + before + after) / sampled
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
    let end = |s: &HistogramSample| Sample { t_ms: s.t_ms, v: s.histogram.count };
    let ends = Ends { first: end(first), last: end(last), count: window.histograms.len() };
    let factor = stretch(ends, change.count, counter, (window.from_ms, window.to_ms));
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
