//! Owns the indicator itself and what one reading of it says.

use std::fmt;

use crate::ast::Expr;
use crate::eval::{EvalError, eval};
use crate::indicator::counts::Between;
use crate::indicator::health::health;
use crate::indicator::shape::Shape;
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
}

/// How a value is compared with its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `<`
    Below,
}

impl Op {
    /// Tells whether more is better.
    pub fn wants_more(self) -> bool {
        matches!(self, Op::AtLeast | Op::Above)
    }
}

/// What a value must meet, in the query's own unit: a share from 0 to 1, or seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// How it is compared.
    pub op: Op,
    /// With what.
    pub value: f64,
}

impl Bound {
    /// Tells whether a value meets the bound; NaN never does.
    pub fn holds(self, value: f64) -> bool {
        match self.op {
            Op::AtLeast => value >= self.value,
            Op::AtMost => value <= self.value,
            Op::Above => value > self.value,
            Op::Below => value < self.value,
        }
    }
}

/// Events counted between two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All events.
    pub total: u64,
    /// Bad events at least; less than `bad_most` only where a quantile's bound lies between two
    /// bucket edges.
    pub bad_least: u64,
    /// Bad events at most.
    pub bad_most: u64,
}

/// What is wrong with the data behind a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// No series, or none with a known start, so that nothing can be counted.
    NoData,
    /// There are series, but the query's result is empty.
    EmptyVector,
    /// The query's result is not a number, as for a share of no events at all.
    NotANumber,
    /// A target brought no new sample since the last reading.
    Stale {
        /// How old its newest sample is.
        age_ms: i64,
    },
    /// A counter was reset between the two times: the counts are a lower bound.
    Reset,
    /// A target did not answer, or its series ended.
    AbsentTarget,
    /// The query could not be evaluated on this data; [`Indicator::value`] says why.
    Failed,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gap::NoData => f.write_str("no data to count from"),
            Gap::EmptyVector => f.write_str("the query's result is empty"),
            Gap::NotANumber => f.write_str("the query's result is not a number"),
            Gap::Stale { age_ms } => write!(f, "the newest sample is {age_ms} ms old"),
            Gap::Reset => f.write_str("a counter was reset; the counts are a lower bound"),
            Gap::AbsentTarget => f.write_str("a target is absent"),
            Gap::Failed => f.write_str("the query could not be evaluated on this data"),
        }
    }
}

/// What an indicator says at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The query's value, for charts; never NaN. Of several series the worst for the bound.
    pub value: Option<f64>,
    /// The events since the last reading, for verdicts.
    pub counts: Option<Counts>,
    /// What is wrong with the data, the gravest first.
    pub gap: Option<Gap>,
}

impl Indicator {
    /// Parses a query and recognizes its shape.
    pub fn compile(query: &str) -> Result<Indicator, QueryError> {
        let expr = parse(query)?;
        let mut selectors: Vec<Selector> = Vec::new();
        let mut window_ms = 0;
        expr.walk(&mut |expr| {
            let (vector, range_ms) = match expr {
                Expr::Vector(vector) => (vector, 0),
                Expr::Range(vector, range_ms) => (vector, *range_ms),
                Expr::Subquery(sub) => {
                    window_ms = window_ms.max(sub.range_ms);
                    return;
                }
                _ => return,
            };
            window_ms = window_ms.max(range_ms.saturating_add(vector.shift.offset_ms));
            if !selectors.contains(&vector.selector) {
                selectors.push(vector.selector.clone());
            }
        });
        let shape = Shape::of(&expr);
        Ok(Indicator { query: query.to_owned(), expr, shape, selectors, window_ms })
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

    /// Returns the share of events that may be bad, or `None` where events cannot be counted.
    pub fn bad_share(&self, bound: Bound) -> Option<f64> {
        match &self.shape {
            Shape::Ratio(_) if bound.op.wants_more() => Some((1.0 - bound.value).clamp(0.0, 1.0)),
            Shape::Ratio(_) => Some(bound.value.clamp(0.0, 1.0)),
            Shape::Quantile(quantile) if !bound.op.wants_more() => Some(1.0 - quantile.tau),
            Shape::Quantile(_) | Shape::Value => None,
        }
    }

    /// Evaluates the query at one time: `Ok(None)` where its result is empty. Of several series
    /// the value that is worst for the bound counts.
    pub fn value(
        &self,
        storage: &dyn Storage,
        at_ms: i64,
        bound: Bound,
    ) -> Result<Option<f64>, EvalError> {
        match eval(&self.expr, storage, at_ms)? {
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

    /// Reads the indicator at `at_ms`, counting events since `prev_ms`.
    pub fn read(&self, storage: &dyn Storage, prev_ms: i64, at_ms: i64, bound: Bound) -> Reading {
        let health = health(storage, &self.selectors, prev_ms, at_ms);
        let from_ms = prev_ms.saturating_sub(LOOKBACK_MS);
        let between = Between {
            prev_ms,
            at_ms,
            watched: &health.watched,
            series: &|selector| storage.select(selector, from_ms, at_ms),
        };
        let counted = match &self.shape {
            Shape::Ratio(ratio) => between.ratio(ratio, bound.op),
            Shape::Quantile(quantile) if !bound.op.wants_more() => {
                between.quantile(quantile, bound.value)
            }
            Shape::Quantile(_) | Shape::Value => None,
        };
        let value = self.value(storage, at_ms, bound);
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
            gap: of_data.or(of_counts).or(of_value),
        }
    }
}
