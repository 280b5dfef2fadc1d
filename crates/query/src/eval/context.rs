//! Owns the evaluation at one time: selectors, ranges, subqueries, and the names' removal.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ast::{At, Expr, Shift, Subquery, VectorSelector};
use crate::eval::cached::Cached;
use crate::eval::error::EvalError;
use crate::eval::once::Shared;
use crate::eval::{aggregate, binary};
use crate::histogram::{Hint, Histogram, HistogramSample};
use crate::incremental::Live;
use crate::labels::Labels;
use crate::selector::Selector;
use crate::series::{LOOKBACK_MS, Sample, Series, Storage};
use crate::value::{Datum, Element, Track, Value};

/// The step of a subquery that names none; Prometheus' default evaluation interval.
pub const SUBQUERY_STEP_MS: i64 = 60_000;
/// Steps of one range or subquery at most, the same as Prometheus' API.
pub(crate) const STEPS_MAX: i64 = 11_000;
/// Steps of all subqueries of one evaluation at most: nested ones multiply, and a query in a file
/// must not hold up a run.
const SUBQUERY_STEPS_MAX: i64 = 200_000;

/// Evaluates an expression at one time.
pub fn eval(expr: &Expr, storage: &dyn Storage, at_ms: i64) -> Result<Value, EvalError> {
    at_once(expr, storage, None, at_ms)
}

/// Evaluates an expression at one time, with the sheets of an incremental evaluation at hand.
pub(crate) fn eval_live(
    expr: &Expr,
    storage: &dyn Storage,
    live: &Live,
    at_ms: i64,
) -> Result<Value, EvalError> {
    // Sheets hold numbers only.
    at_once(expr, storage, Some(live).filter(|_| !storage.holds_histograms()), at_ms)
}

fn at_once(
    expr: &Expr,
    storage: &dyn Storage,
    live: Option<&Live>,
    at_ms: i64,
) -> Result<Value, EvalError> {
    let spent = &Cell::new(0);
    let (start_ms, end_ms) = (at_ms, at_ms);
    // What an incremental evaluation has at hand is read once anyway.
    let shared = if live.is_none() { Shared::new(expr, storage) } else { None };
    let storage = shared.as_ref().map_or(storage, |shared| shared as &dyn Storage);
    let context = Context { storage, live, at_ms, start_ms, end_ms, step_ms: 0, spent };
    finished(match (expr, context.range(expr)?) {
        (_, Some(range)) => Value::Matrix(range.tracks),
        (expr, None) => context.eval(expr)?,
    })
}

/// Evaluates an expression at `start_ms`, `start_ms + step_ms`, … up to `end_ms`. A scalar becomes
/// one track without labels.
pub fn eval_range(
    expr: &Expr,
    storage: &dyn Storage,
    (start_ms, end_ms, step_ms): (i64, i64, i64),
) -> Result<Vec<Track>, EvalError> {
    let cached = Cached::new(expr, storage);
    let spent = Cell::new(0);
    let mut tracks = BTreeMap::<Labels, Track>::new();
    for at_ms in steps(start_ms, end_ms, step_ms)? {
        let context = Context {
            storage: &cached,
            live: None,
            at_ms,
            start_ms,
            end_ms,
            step_ms,
            spent: &spent,
        };
        match finished(context.eval(expr)?)? {
            Value::Scalar(v) => extend(&mut tracks, Element::new(Labels::empty(), v), at_ms),
            Value::Vector(elements) => {
                elements.into_iter().for_each(|element| extend(&mut tracks, element, at_ms));
            }
            other @ (Value::Text(_) | Value::Matrix(_)) => {
                return Err(EvalError::Operand(other.kind()));
            }
        }
    }
    Ok(tracks.into_values().collect())
}

/// One evaluation time over one storage.
pub(crate) struct Context<'s> {
    pub(crate) storage: &'s dyn Storage,
    /// Answers in place of the storage what an incremental evaluation keeps at hand.
    pub(crate) live: Option<&'s Live>,
    pub(crate) at_ms: i64,
    /// What `start()`, `end()` and `step()` name.
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) step_ms: i64,
    /// Steps of subqueries so far.
    spent: &'s Cell<i64>,
}

/// The tracks of a range argument and the range itself, `from_ms < t <= to_ms`.
pub(crate) struct Range {
    pub(crate) tracks: Vec<Track>,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

impl Context<'_> {
    pub(crate) fn eval(&self, expr: &Expr) -> Result<Value, EvalError> {
        match expr {
            Expr::Number(v) => Ok(Value::Scalar(*v)),
            Expr::Text(text) => Ok(Value::Text(text.clone())),
            Expr::Negate(inner) => match self.eval(inner)? {
                Value::Scalar(v) => Ok(Value::Scalar(-v)),
                Value::Vector(mut elements) => {
                    for element in &mut elements {
                        element.v = -element.v;
                        let negated = element.histogram.as_ref().map(|h| h.times(-1.0));
                        element.histogram = negated.map(Arc::new);
                        element.drop_name = true;
                    }
                    Ok(Value::Vector(elements))
                }
                other => Err(EvalError::Operand(other.kind())),
            },
            Expr::Vector(vector) => Ok(Value::Vector(self.vector(vector))),
            Expr::Range(..) | Expr::Subquery(_) => {
                let tracks = self.range(expr)?.map(|range| range.tracks).unwrap_or_default();
                Ok(Value::Matrix(tracks))
            }
            Expr::Call(function, args) => function.call(args, self),
            Expr::Aggregate(aggregate) => aggregate::eval(aggregate, self),
            Expr::Binary(binary) => binary::eval(binary, self),
        }
    }

    fn vector(&self, vector: &VectorSelector) -> Vec<Element> {
        if let Some(elements) = self.live.and_then(|live| live.newest(vector, self.at_ms)) {
            return elements;
        }
        let newest = self.newest(vector).into_iter();
        newest.map(|(labels, _, datum)| Element::of(labels, datum, false)).collect()
    }

    /// Returns the newest sample of each matching series inside the look-back, unless it is gone.
    pub(crate) fn newest(&self, vector: &VectorSelector) -> Vec<(Labels, i64, Datum)> {
        let at_ms = self.shifted(&vector.shift);
        let from_ms = at_ms.saturating_sub(LOOKBACK_MS).saturating_add(1);
        let newest = |track: Track| {
            let float = track.samples.last().copied();
            let histogram = track.histograms.last();
            match (float, histogram) {
                (float, Some(last)) if float.is_none_or(|float| float.t_ms <= last.t_ms) => {
                    let datum = Datum::Histogram(last.histogram.clone());
                    Some((track.labels, last.t_ms, datum))
                }
                (Some(float), _) if !float.is_stale() => {
                    Some((track.labels, float.t_ms, Datum::Float(float.v)))
                }
                _ => None,
            }
        };
        self.tracks(&vector.selector, from_ms, at_ms).into_iter().filter_map(newest).collect()
    }

    /// Reads the numbers and the histograms of each matching series.
    fn tracks(&self, selector: &Selector, from_ms: i64, to_ms: i64) -> Vec<Track> {
        let series = self.storage.select(selector, from_ms, to_ms);
        let track = |Series { labels, samples, .. }| Track {
            labels,
            samples,
            histograms: Vec::new(),
            drop_name: false,
        };
        let mut tracks: Vec<Track> = series.into_iter().map(track).collect();
        if !self.storage.holds_histograms() {
            return tracks;
        }
        for found in self.storage.histograms(selector, from_ms, to_ms) {
            match tracks.iter_mut().find(|track| track.labels == found.labels) {
                Some(track) => track.histograms = found.samples,
                None => tracks.push(Track {
                    labels: found.labels,
                    samples: Vec::new(),
                    histograms: found.samples,
                    drop_name: false,
                }),
            }
        }
        tracks
    }

    /// Returns the range an expression stands for, or `None` where it is no range vector.
    pub(crate) fn range(&self, expr: &Expr) -> Result<Option<Range>, EvalError> {
        match expr {
            Expr::Range(vector, range_ms) => {
                let to_ms = self.shifted(&vector.shift);
                let from_ms = to_ms.saturating_sub(*range_ms);
                let mut tracks = self.tracks(&vector.selector, from_ms.saturating_add(1), to_ms);
                tracks.iter_mut().for_each(|track| track.samples.retain(|s| !s.is_stale()));
                tracks.retain(|track| !track.samples.is_empty() || !track.histograms.is_empty());
                Ok(Some(Range { tracks, from_ms, to_ms }))
            }
            Expr::Subquery(sub) => self.subquery(sub).map(Some),
            _ => Ok(None),
        }
    }

    fn subquery(&self, sub: &Subquery) -> Result<Range, EvalError> {
        let to_ms = self.shifted(&sub.shift);
        let from_ms = to_ms.saturating_sub(sub.range_ms);
        let step_ms = sub.step_ms.unwrap_or(SUBQUERY_STEP_MS);
        // Steps lie on multiples of the step, so that neighbouring evaluations share them.
        let mut first_ms = step_ms * (from_ms / step_ms);
        if first_ms <= from_ms {
            first_ms += step_ms;
        }
        let mut tracks = BTreeMap::<Labels, Track>::new();
        for at_ms in steps(first_ms, to_ms, step_ms)? {
            self.spent.set(self.spent.get() + 1);
            if self.spent.get() > SUBQUERY_STEPS_MAX {
                return Err(EvalError::SubquerySteps(SUBQUERY_STEPS_MAX));
            }
            match (Context { at_ms, live: None, ..*self }).eval(&sub.expr)? {
                Value::Scalar(v) => extend(&mut tracks, Element::new(Labels::empty(), v), at_ms),
                Value::Vector(elements) => {
                    unique(&elements)?;
                    elements.into_iter().for_each(|element| extend(&mut tracks, element, at_ms));
                }
                other => return Err(EvalError::Operand(other.kind())),
            }
        }
        let mut tracks: Vec<Track> = tracks.into_values().collect();
        tracks.iter_mut().for_each(|track| hint_anew(&mut track.histograms));
        Ok(Range { tracks, from_ms, to_ms })
    }

    pub(crate) fn shifted(&self, shift: &Shift) -> i64 {
        let base_ms = match shift.at {
            None => self.at_ms,
            Some(At::Time(at_ms)) => at_ms,
            Some(At::Start) => self.start_ms,
            Some(At::End) => self.end_ms,
        };
        base_ms.saturating_sub(shift.offset_ms)
    }
}

/// A histogram's hint is about the one before it in its series, which steps may leave out; and one
/// that is found again was reset once at most.
fn hint_anew(samples: &mut [HistogramSample]) {
    for at in (0..samples.len()).rev() {
        let now = &samples[at].histogram;
        let again = at > 0 && samples[at - 1].histogram.same(now);
        let hint = match now.hint {
            Hint::Reset if again => Hint::NoReset,
            Hint::NoReset if !again => Hint::Unknown,
            _ => continue,
        };
        samples[at].histogram = Arc::new(Histogram { hint, ..(**now).clone() });
    }
}

fn steps(start_ms: i64, end_ms: i64, step_ms: i64) -> Result<impl Iterator<Item = i64>, EvalError> {
    let step_ms = step_ms.max(1);
    let count = if end_ms < start_ms { 0 } else { (end_ms - start_ms) / step_ms + 1 };
    if count > STEPS_MAX {
        return Err(EvalError::Steps(count));
    }
    Ok((0..count).map(move |n| start_ms + n * step_ms))
}

fn extend(tracks: &mut BTreeMap<Labels, Track>, element: Element, t_ms: i64) {
    let Element { labels, v, histogram, drop_name } = element;
    let track = tracks.entry(labels.clone()).or_insert_with(|| Track {
        labels,
        samples: Vec::new(),
        histograms: Vec::new(),
        drop_name,
    });
    track.drop_name |= drop_name;
    match histogram {
        None => track.samples.push(Sample { t_ms, v }),
        Some(histogram) => track.histograms.push(HistogramSample { t_ms, histogram }),
    }
}

/// Drops the names that no longer apply and refuses a result that names a series twice.
fn finished(value: Value) -> Result<Value, EvalError> {
    match value {
        Value::Vector(mut elements) => {
            for element in elements.iter_mut().filter(|element| element.drop_name) {
                element.labels = element.labels.without_name();
                element.drop_name = false;
            }
            unique(&elements)?;
            Ok(Value::Vector(elements))
        }
        Value::Matrix(mut tracks) => {
            for track in tracks.iter_mut().filter(|track| track.drop_name) {
                track.labels = track.labels.without_name();
                track.drop_name = false;
            }
            Ok(Value::Matrix(tracks))
        }
        other => Ok(other),
    }
}

/// Refuses a vector in which two series have the same labels.
pub(crate) fn unique(elements: &[Element]) -> Result<(), EvalError> {
    let mut labels: Vec<&Labels> = elements.iter().map(|element| &element.labels).collect();
    labels.sort_unstable();
    match labels.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(EvalError::SameLabels(pair[0].to_string())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use crate::parse::parse;

    fn refused(query: &str, expected: &str) {
        let error = eval(&parse(query).unwrap(), &Vec::new(), 10_000_000).unwrap_err();
        assert_eq!(error.to_string(), expected, "{query}");
    }

    #[test]
    fn a_query_that_would_take_forever_ends_with_a_reason() {
        refused(
            "max_over_time(vector(1)[1w:1s])",
            "evaluate a range: it has 604800 steps, the limit is 11000",
        );
        refused(
            "max_over_time(max_over_time(vector(1)[1000s:1s])[1000s:1s])",
            "evaluate a subquery: it and those within it have more than 200000 steps; use a \
             shorter range or a longer step",
        );
    }
}
