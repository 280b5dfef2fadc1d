//! Owns the indicator itself: a query, and how it is read between two times.

use crate::ast::{Expr, Shift};
use crate::eval::{EvalError, eval};
use crate::indicator::bound::Bound;
use crate::indicator::counts::Between;
use crate::indicator::health::health;
use crate::indicator::reading::{Gap, Reading};
use crate::indicator::shape::{Shape, is_throughput};
use crate::labels::{BUCKET_BOUND, Labels};
use crate::parse::{QueryError, parse};
use crate::selector::Selector;
use crate::series::{LOOKBACK_MS, Storage};
use crate::value::Value;

/// A compiled query with the shape it has.
#[derive(Debug, Clone)]
pub struct Indicator {
    query: String,
    expr: Expr,
    shape: Shape,
    selectors: Vec<Selector>,
    window_ms: i64,
    plain: bool,
}

impl Indicator {
    /// Parses a query and recognizes its shape.
    pub fn compile(query: &str) -> Result<Indicator, QueryError> {
        let expr = parse(query)?;
        let mut selectors: Vec<Selector> = Vec::new();
        let (mut window_ms, mut plain) = (0, true);
        expr.walk(&mut |expr| {
            let (vector, range_ms) = match expr {
                Expr::Vector(vector) => (vector, 0),
                Expr::Range(vector, range_ms) => (vector, *range_ms),
                Expr::Subquery(sub) => {
                    plain = false;
                    window_ms = window_ms.max(sub.range_ms);
                    return;
                }
                _ => return,
            };
            plain &= vector.shift == Shift::default();
            window_ms = window_ms.max(range_ms.saturating_add(vector.shift.offset_ms));
            if !selectors.contains(&vector.selector) {
                selectors.push(vector.selector.clone());
            }
        });
        let shape = Shape::of(&expr);
        Ok(Indicator { query: query.to_owned(), expr, shape, selectors, window_ms, plain })
    }

    /// Returns the query as written.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// Returns the recognized shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Returns what a source has to bring.
    pub fn selectors(&self) -> Vec<Selector> {
        self.selectors.clone()
    }

    /// Returns how far back the query looks, in milliseconds; zero for plain selectors.
    pub fn window_ms(&self) -> i64 {
        self.window_ms
    }

    /// Tells whether the query reads nothing but its own window: no `offset`, `@` and subquery.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Returns the share of events that may be bad, or `None` where events cannot be counted.
    pub fn bad_share(&self, bound: Bound) -> Option<f64> {
        match &self.shape {
            Shape::Ratio(_) if bound.op.wants_more() => Some((1.0 - bound.value).clamp(0.0, 1.0)),
            Shape::Ratio(_) => Some(bound.value.clamp(0.0, 1.0)),
            Shape::Quantile(quantile) if !bound.op.wants_more() => Some(1.0 - quantile.tau),
            Shape::Quantile(_) | Shape::Value => None,
        }
    }

    /// Tells whether the query's number is events per time, divided by nothing: a bound in percent
    /// on it is a mistake, and a person meant a share.
    pub fn is_throughput(&self) -> bool {
        is_throughput(&self.expr)
    }

    /// Returns the finite bucket edges of a quantile's histograms, sorted: a bound that is none of
    /// them leaves `bad_least` and `bad_most` apart.
    pub fn edges(&self, storage: &dyn Storage, at_ms: i64) -> Vec<f64> {
        let Shape::Quantile(quantile) = &self.shape else { return Vec::new() };
        let from_ms = at_ms.saturating_sub(LOOKBACK_MS);
        let series = storage.select(&quantile.buckets, from_ms, at_ms);
        let edge = |labels: &Labels| labels.get(BUCKET_BOUND).parse::<f64>().ok();
        let mut edges: Vec<f64> =
            series.iter().filter_map(|s| edge(&s.labels)).filter(|e| e.is_finite()).collect();
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        edges
    }

    /// Returns the query as a tree, for those that keep it up to date
    /// ([`Rules`](crate::incremental::Rules)).
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Evaluates the query at one time: `Ok(None)` where its result is empty. Of several series
    /// the value that is worst for the bound counts.
    pub fn value(
        &self,
        storage: &dyn Storage,
        at_ms: i64,
        bound: Bound,
    ) -> Result<Option<f64>, EvalError> {
        worst(eval(&self.expr, storage, at_ms)?, bound)
    }

    /// Reads the indicator at `at_ms`, counting events since `prev_ms`.
    pub fn read(&self, storage: &dyn Storage, prev_ms: i64, at_ms: i64, bound: Bound) -> Reading {
        let evaluated = eval(&self.expr, storage, at_ms);
        self.read_evaluated(evaluated, storage, (prev_ms, at_ms), bound)
    }

    /// As [`Indicator::read`], where the query was evaluated at `at_ms` already.
    pub fn read_evaluated(
        &self,
        evaluated: Result<Value, EvalError>,
        storage: &dyn Storage,
        (prev_ms, at_ms): (i64, i64),
        bound: Bound,
    ) -> Reading {
        let health = health(storage, &self.selectors, prev_ms, at_ms);
        let between = Between {
            prev_ms,
            watched: &health.watched,
            visit: &|selector, see| storage.visit_recent(selector, (prev_ms, at_ms), see),
        };
        let counted = match &self.shape {
            Shape::Ratio(ratio) => between.ratio(ratio, bound.op),
            Shape::Quantile(quantile) if !bound.op.wants_more() => {
                between.quantile(quantile, bound.value)
            }
            Shape::Quantile(_) | Shape::Value => None,
        };
        let value = evaluated.and_then(|value| worst(value, bound));
        let of_value = match &value {
            Err(_) => Some(Gap::Failed),
            Ok(None) => Some(Gap::EmptyVector),
            Ok(Some(v)) if v.is_nan() => Some(Gap::NotANumber),
            Ok(Some(_)) => None,
        };
        let countable = self.bad_share(bound).is_some();
        let of_counts = match counted {
            None if countable => Some(Gap::NoData),
            Some(counted) if counted.reset => Some(Gap::Reset),
            _ => None,
        };
        // A query without selectors, such as `vector(1)`, has no data that could be missing.
        let of_data = health.gap.filter(|_| !self.selectors.is_empty());
        Reading {
            value: value.ok().flatten().filter(|v| !v.is_nan()),
            counts: counted.map(|counted| counted.counts),
            estimate: counted.and_then(|counted| counted.estimate),
            gap: of_data.or(of_counts).or(of_value),
        }
    }
}

/// Of several series the value that is worst for the bound; none of an empty result.
fn worst(value: Value, bound: Bound) -> Result<Option<f64>, EvalError> {
    match value {
        Value::Scalar(v) => Ok(Some(v)),
        Value::Vector(elements) => {
            let worse = |a: f64, b: f64| match bound.op.wants_more() {
                _ if a.is_nan() || b.is_nan() => f64::NAN,
                true => a.min(b),
                false => a.max(b),
            };
            Ok(elements.into_iter().map(|element| element.v).reduce(worse))
        }
        other @ (Value::Text(_) | Value::Matrix(_)) => Err(EvalError::Operand(other.kind())),
    }
}
