//! Owns the recognition of queries whose events can be counted: shares and quantiles.

use crate::ast::{AggregateOp, BinaryOp, Expr, Grouping, Shift};
use crate::labels::BUCKET_BOUND;
use crate::selector::Selector;

/// What kind of indicator a query is.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A share of events among events: each event is good or bad.
    Ratio(Ratio),
    /// A quantile of a classic histogram: an observation above the bound is a bad event.
    Quantile(Quantile),
    /// Any other number.
    Value,
}

/// `sum(rate(part[w])) / sum(rate(whole[w]))`, or one minus it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratio {
    /// The counters of the numerator, added up.
    pub part: Vec<Selector>,
    /// The counters of the denominator, added up.
    pub whole: Vec<Selector>,
    /// Whether the query is one minus the share.
    pub inverted: bool,
    /// The range, in milliseconds.
    pub window_ms: i64,
}

/// `histogram_quantile(tau, sum by (le) (rate(buckets[w])))`.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantile {
    /// The quantile, 0 to 1.
    pub tau: f64,
    /// The bucket counters.
    pub buckets: Selector,
    /// The range, in milliseconds.
    pub window_ms: i64,
}

impl Shape {
    /// Recognizes an expression's shape.
    pub(crate) fn of(expr: &Expr) -> Shape {
        if let Some(quantile) = quantile(expr) {
            return Shape::Quantile(quantile);
        }
        if let Some(ratio) = ratio(expr) {
            return Shape::Ratio(ratio);
        }
        match expr {
            Expr::Binary(binary) if binary.op == BinaryOp::Sub && is_number(&binary.left, 1.0) => {
                ratio(&binary.right)
                    .map_or(Shape::Value, |ratio| Shape::Ratio(Ratio { inverted: true, ..ratio }))
            }
            _ => Shape::Value,
        }
    }
}

/// Tells whether a query's number is events per time, divided by nothing. Such a number has no
/// natural bound, and compared with a share it says nothing.
pub(crate) fn is_throughput(expr: &Expr) -> bool {
    match expr {
        Expr::Call(function, _) => matches!(function.name, "rate" | "irate" | "increase"),
        Expr::Aggregate(aggregate) => is_throughput(&aggregate.expr),
        Expr::Binary(binary) if matches!(binary.op, BinaryOp::Add | BinaryOp::Or) => {
            is_throughput(&binary.left)
        }
        _ => false,
    }
}

fn ratio(expr: &Expr) -> Option<Ratio> {
    let Expr::Binary(binary) = expr else { return None };
    if binary.op != BinaryOp::Div {
        return None;
    }
    let part = terms(or_zero(&binary.left))?;
    let whole = terms(&binary.right)?;
    // Different ranges or functions would make the number something else than a share of events.
    let same = part.window_ms == whole.window_ms && part.function == whole.function;
    same.then_some(Ratio {
        part: part.selectors,
        whole: whole.selectors,
        inverted: false,
        window_ms: whole.window_ms,
    })
}

/// Looks through `… or vector(0)`, the usual way to write a counter that may not exist yet.
fn or_zero(expr: &Expr) -> &Expr {
    match expr {
        Expr::Binary(binary) if binary.op == BinaryOp::Or => match &binary.right {
            Expr::Call(function, args)
                if function.name == "vector"
                    && args.first().is_some_and(|arg| is_number(arg, 0.0)) =>
            {
                &binary.left
            }
            _ => expr,
        },
        _ => expr,
    }
}

struct Terms {
    selectors: Vec<Selector>,
    function: &'static str,
    window_ms: i64,
}

/// Reads `sum(rate(a[w]))`, or a sum of such terms with one range.
fn terms(expr: &Expr) -> Option<Terms> {
    match expr {
        Expr::Binary(binary) if binary.op == BinaryOp::Add => {
            let mut left = terms(&binary.left)?;
            let right = terms(&binary.right)?;
            let same = left.window_ms == right.window_ms && left.function == right.function;
            left.selectors.extend(right.selectors);
            same.then_some(left)
        }
        Expr::Aggregate(aggregate) if aggregate.op == AggregateOp::Sum => {
            let ungrouped = aggregate.grouping == Grouping::By(Vec::new());
            ungrouped.then(|| change(&aggregate.expr))?
        }
        _ => None,
    }
}

fn change(expr: &Expr) -> Option<Terms> {
    let Expr::Call(function, args) = expr else { return None };
    let Some(Expr::Range(vector, window_ms)) = args.first() else { return None };
    let counted = matches!(function.name, "rate" | "increase");
    (counted && vector.shift == Shift::default()).then(|| Terms {
        selectors: vec![vector.selector.clone()],
        function: function.name,
        window_ms: *window_ms,
    })
}

fn quantile(expr: &Expr) -> Option<Quantile> {
    let Expr::Call(function, args) = expr else { return None };
    let [Expr::Number(tau), Expr::Aggregate(aggregate)] = args.as_slice() else { return None };
    let by_bound = Grouping::By(vec![BUCKET_BOUND.to_owned()]);
    if function.name != "histogram_quantile"
        || aggregate.op != AggregateOp::Sum
        || aggregate.grouping != by_bound
        || !(0.0..=1.0).contains(tau)
    {
        return None;
    }
    let mut terms = change(&aggregate.expr)?;
    Some(Quantile { tau: *tau, buckets: terms.selectors.pop()?, window_ms: terms.window_ms })
}

fn is_number(expr: &Expr, wanted: f64) -> bool {
    matches!(expr, Expr::Number(v) if *v == wanted)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use crate::parse::parse;

    fn check(query: &str, expected: &str) {
        let shape = match Shape::of(&parse(query).unwrap()) {
            Shape::Ratio(r) => {
                let list = |s: &[Selector]| {
                    s.iter().map(Selector::to_string).collect::<Vec<_>>().join(" + ")
                };
                let sign = if r.inverted { "1 - " } else { "" };
                format!("{sign}{} / {} over {} ms", list(&r.part), list(&r.whole), r.window_ms)
            }
            Shape::Quantile(q) => format!("{} of {} over {} ms", q.tau, q.buckets, q.window_ms),
            Shape::Value => "value".into(),
        };
        assert_eq!(shape, expected, "{query}");
    }

    #[test]
    fn shares_and_quantiles_are_recognized() {
        check(
            r#"sum(rate(a_total{r="ok"}[30s])) / sum(rate(a_total[30s]))"#,
            r#"{__name__="a_total",r="ok"} / {__name__="a_total"} over 30000 ms"#,
        );
        check(
            "1 - (sum(increase(bad[1m])) or vector(0)) / (sum(increase(all[1m])))",
            r#"1 - {__name__="bad"} / {__name__="all"} over 60000 ms"#,
        );
        check(
            "sum(rate(bad[1m])) / (sum(rate(good[1m])) + sum(rate(bad[1m])))",
            r#"{__name__="bad"} / {__name__="good"} + {__name__="bad"} over 60000 ms"#,
        );
        check(
            r#"histogram_quantile(0.95, sum by (le) (rate(d_bucket{path="/"}[30s])))"#,
            r#"0.95 of {__name__="d_bucket",path="/"} over 30000 ms"#,
        );
    }

    #[test]
    fn events_per_second_are_told_from_shares() {
        let check = |query: &str| is_throughput(&parse(query).unwrap());
        assert!(check(r#"rate(http_requests_total{status!~"5.."}[5m])"#));
        assert!(check("sum(rate(a[1m])) + sum(rate(b[1m]))"));
        assert!(!check("sum(rate(a[1m])) / sum(rate(b[1m]))"));
        assert!(!check("histogram_quantile(0.9, sum by (le) (rate(d_bucket[1m])))"));
        assert!(!check("up"));
    }

    #[test]
    fn what_is_no_share_of_events_stays_a_value() {
        for query in [
            "sum(rate(a[30s]))",
            "sum(rate(a[30s])) / sum(rate(b[1m]))",
            "sum(rate(a[30s])) / sum(increase(b[30s]))",
            "sum by (job) (rate(a[30s])) / sum by (job) (rate(b[30s]))",
            "sum(rate(a[30s] offset 1m)) / sum(rate(b[30s]))",
            "avg(rate(a[30s])) / avg(rate(b[30s]))",
            "2 - sum(rate(a[30s])) / sum(rate(b[30s]))",
            "histogram_quantile(0.95, sum by (le, path) (rate(d_bucket[30s])))",
            "histogram_quantile(2, sum by (le) (rate(d_bucket[30s])))",
            "up",
        ] {
            check(query, "value");
        }
    }
}
