//! Owns bounds and windows: units that fit the measure, edges that buckets have, windows that
//! hold two scrapes.

use super::agreement::{Facts, Limit};
use super::ast::Bound;
use super::print::length;
use crate::diagnostic::{Code, Diagnostic};
use crate::spanned::Spanned;
use crate::units::{Duration, Op, Quantity};

pub(super) const SHARE_OVER_ALL: Code = Code::error("S523");
pub(super) const WRONG_UNIT: Code = Code::error("S524");
pub(super) const NO_EDGE: Code = Code::warning("S525");
pub(super) const SHORT_WINDOW: Code = Code::error("S526");
pub(super) const NEVER_SHOWN: Code = Code::warning("S531");

/// Two edges are one where they differ by less than a float's printing.
const EDGE_TOLERANCE: f64 = 1e-9;

/// Reads a bound on a share.
pub(super) fn of_share(bound: &Bound, said: &mut Vec<Diagnostic>) -> Option<Limit> {
    let value = share(bound, said)?;
    let none_may_be_bad = match bound.op.value {
        Op::Ge | Op::Gt => value >= 1.0,
        Op::Le | Op::Lt => value <= 0.0,
    };
    if none_may_be_bad {
        let message = "no amount of traffic can show that none is bad";
        said.push(
            Diagnostic::new(NEVER_SHOWN, bound.value.span, message)
                .help("the cell can be ❌ or ❔, never ✅; 99.99% leaves room to prove it"),
        );
    }
    Some(Limit { op: bound.op.value, value, written: bound.value.value, span: bound.value.span })
}

/// Reads a share, `99.5%` or `0.995`.
pub(super) fn share(bound: &Bound, said: &mut Vec<Diagnostic>) -> Option<f64> {
    let span = bound.value.span;
    let value = match bound.value.value {
        Quantity::Share(share) => share.as_f64(),
        Quantity::Number(number) => number.as_f64(),
        other => {
            let message = format!("{other} is no share");
            said.push(
                Diagnostic::new(WRONG_UNIT, span, message)
                    .help("a share is 99.5%, or 0.995; a quantile is AGGREGATE p99(5m)"),
            );
            return None;
        }
    };
    if (0.0..=1.0).contains(&value) {
        return Some(value);
    }
    let shown = bound.value.value;
    let help = if value > 1.0 && value <= 100.0 {
        format!("{shown}% of all, or {shown}/s for events a second")
    } else {
        format!("a share is 0 to 1, or 0% to 100%; for events a second write {shown}/s")
    };
    let message = format!("a share cannot be {shown}");
    said.push(Diagnostic::new(SHARE_OVER_ALL, span, message).help(help));
    None
}

/// The factor from seconds to a metric's own unit, where its name says one.
fn per_second(metric: &str) -> Option<f64> {
    let base = metric.trim_end_matches("_bucket").trim_end_matches("_total");
    let ends = |list: &[&str]| list.iter().any(|end| base.ends_with(end));
    if ends(&["_seconds", "_s", "_sec", "_duration"]) {
        Some(1.0)
    } else if ends(&["_milliseconds", "_ms", "_millis"]) {
        Some(1e3)
    } else if ends(&["_microseconds", "_us", "_micros"]) {
        Some(1e6)
    } else {
        None
    }
}

/// Reads a bound on a quantile.
pub(super) fn of_quantile(
    bound: &Bound,
    metric: &str,
    said: &mut Vec<Diagnostic>,
) -> Option<Limit> {
    let span = bound.value.span;
    let timed = per_second(metric);
    let wrong = match bound.value.value {
        Quantity::Share(_) | Quantity::Rate(_) => true,
        Quantity::Number(_) => timed.is_some(),
        Quantity::Duration(_) | Quantity::Bytes(_) => false,
    };
    if wrong {
        let shown = bound.value.value;
        let message = format!("{shown} is no length of time");
        let help = match shown {
            Quantity::Number(_) => format!("{shown}ms or {shown}s?"),
            _ => "a quantile is compared with 800ms or 1.2s".into(),
        };
        said.push(Diagnostic::new(WRONG_UNIT, span, message).help(help));
        return None;
    }
    if matches!(bound.op.value, Op::Ge | Op::Gt) {
        let message = "a quantile is bounded from above";
        let help = format!("<= {}: judged as the share of events above it", bound.value.value);
        said.push(Diagnostic::new(WRONG_UNIT, bound.op.span, message).help(help));
        return None;
    }
    Some(of_value(bound, metric))
}

/// Reads a bound on a plain number, in the metric's own unit.
pub(super) fn of_value(bound: &Bound, metric: &str) -> Limit {
    let value = match bound.value.value {
        Quantity::Share(share) => share.as_f64(),
        Quantity::Duration(duration) => duration.as_secs_f64() * per_second(metric).unwrap_or(1.0),
        Quantity::Rate(rate) => rate.per_second(),
        Quantity::Bytes(bytes) => bytes.get() as f64,
        Quantity::Number(number) => number.as_f64(),
    };
    Limit { op: bound.op.value, value, written: bound.value.value, span: bound.value.span }
}

/// Says which buckets are nearest where the bound is the edge of none.
pub(super) fn edges(metric: &str, bound: &Limit, facts: &Facts, said: &mut Vec<Diagnostic>) {
    let Some(edges) = facts.edges.get(metric).filter(|edges| !edges.is_empty()) else { return };
    let same = |edge: &f64| (edge - bound.value).abs() <= EDGE_TOLERANCE * edge.abs().max(1.0);
    if edges.iter().any(same) {
        return;
    }
    let factor = per_second(metric);
    let shown = |edge: f64| match factor {
        Some(factor) => {
            Duration::from_nanos((edge / factor * 1e9).round().max(0.0) as u64).to_string()
        }
        None => edge.to_string(),
    };
    let below = edges.iter().rev().find(|edge| **edge < bound.value).map(|e| shown(*e));
    let above = edges.iter().find(|edge| **edge > bound.value).map(|e| shown(*e));
    let message = format!("{} is the edge of no bucket", bound.written);
    let (nearest, help) = match (below, above) {
        (Some(below), Some(above)) => (
            format!("the nearest are {below} and {above}"),
            format!(
                "write {below} or {above}, or add a bucket at {}; between them the cell may be ❔",
                bound.written
            ),
        ),
        (Some(below), None) => (
            format!("the largest is {below}"),
            format!(
                "write {below}, or add a bucket at {}: above it nothing is seen",
                bound.written
            ),
        ),
        (None, above) => (
            format!("the smallest is {}", above.clone().unwrap_or_default()),
            format!("write {}, or add a bucket at {}", above.unwrap_or_default(), bound.written),
        ),
    };
    said.push(Diagnostic::new(NO_EDGE, bound.span, message).label(nearest).help(help));
}

/// Refuses windows in which a counter cannot be seen to move.
pub(super) fn windows(
    windows: impl Iterator<Item = Spanned<Duration>>,
    facts: &Facts,
    said: &mut Vec<Diagnostic>,
) {
    let Some(scrape_ms) = facts.scrape_ms else {
        return zero(windows, said);
    };
    for window in windows {
        if window.as_millis() >= scrape_ms.saturating_mul(2) {
            continue;
        }
        let scrape = length(Duration::from_millis(scrape_ms));
        let least = length(Duration::from_millis(scrape_ms.saturating_mul(2)));
        let message = format!("a window of {} is shorter than two scrapes", length(window.value));
        said.push(
            Diagnostic::new(SHORT_WINDOW, window.span, message)
                .label(format!("one scrape takes {scrape}"))
                .help(format!("write {least} or more: a counter moves between two scrapes")),
        );
    }
}

fn zero(windows: impl Iterator<Item = Spanned<Duration>>, said: &mut Vec<Diagnostic>) {
    for window in windows.filter(|window| window.as_millis() == 0) {
        let message = format!("a window of {} holds nothing", length(window.value));
        let help = "write 5m, and at least two scrapes";
        said.push(Diagnostic::new(SHORT_WINDOW, window.span, message).help(help));
    }
}
