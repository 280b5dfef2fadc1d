//! Owns the extrapolation that `rate`, `increase` and `delta` share, exactly as Prometheus does it.

use crate::function::Window;

/// A gap beyond this many mean intervals at a window's edge is taken as a series' start or end.
const EDGE_INTERVALS: f64 = 1.1;

/// Returns the change over the window, stretched to its edges; `None` with fewer than two samples.
pub(crate) fn change(window: &Window<'_>, counter: bool) -> Option<f64> {
    let (first, last) = (window.samples.first()?, window.samples.last()?);
    if window.samples.len() < 2 {
        return None;
    }
    let mut change = last.v - first.v;
    if counter {
        for pair in window.samples.windows(2) {
            if pair[1].v < pair[0].v {
                change += pair[0].v;
            }
        }
    }
    let seconds = |from_ms: i64, to_ms: i64| (to_ms - from_ms) as f64 / 1000.0;
    let sampled = seconds(first.t_ms, last.t_ms);
    let interval = sampled / (window.samples.len() - 1) as f64;
    let edge = |gap: f64| if gap >= interval * EDGE_INTERVALS { interval / 2.0 } else { gap };
    let mut before = edge(seconds(window.from_ms, first.t_ms));
    if counter && change > 0.0 && first.v >= 0.0 {
        // A counter does not start below zero, so it is not stretched beyond its zero.
        before = before.min(sampled * (first.v / change));
    }
    let after = edge(seconds(last.t_ms, window.to_ms));
    Some(change * ((sampled + before + after) / sampled))
}

/// Returns the window's length in seconds.
pub(crate) fn length_s(window: &Window<'_>) -> f64 {
    (window.to_ms - window.from_ms) as f64 / 1000.0
}
