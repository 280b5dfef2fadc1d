//! Owns the reading of a query in an OpenSLO document, as far as a rule can say the same: one
//! metric's series inside functions that count events.

use crate::sla::ast::Matcher;

/// A query that a rule can say.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Query {
    /// Events of a counter.
    Counter(Series),
    /// A quantile of a histogram.
    Quantile(String, Series),
    /// The mean, least or most of a gauge.
    Gauge(&'static str, Series),
}

/// A metric with its conditions, and the range where the query has one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) metric: String,
    pub(super) matchers: Vec<Matcher>,
    pub(super) range: Option<String>,
}

/// How deep functions may stand in each other; real queries have three.
const DEPTH_MAX: usize = 8;

/// Reads a query.
pub(super) fn read(text: &str) -> Option<Query> {
    let mut text = text.trim();
    let mut gauge = "avg";
    for _ in 0..DEPTH_MAX {
        text = strip_or_zero(text);
        if let Some(inside) = call(text, "histogram_quantile") {
            let (tau, buckets) = inside.split_once(',')?;
            let Query::Counter(series) = read(buckets)? else { return None };
            let tau: f64 = tau.trim().parse().ok()?;
            let percent = (tau * 1e7).round() / 1e5;
            let inside = tau > 0.0 && tau < 1.0;
            return inside.then(|| Query::Quantile(format!("p{percent}"), series));
        }
        let functions = ["sum", "rate", "increase", "irate"];
        if let Some(inside) = functions.iter().find_map(|f| call(text, f)) {
            // Under a function that counts there is a counter, whatever stands further inside.
            return match read(inside)? {
                Query::Counter(series) | Query::Gauge(_, series) => Some(Query::Counter(series)),
                Query::Quantile(..) => None,
            };
        }
        let gauges = [
            ("avg", "avg"),
            ("avg_over_time", "avg"),
            ("min", "min"),
            ("min_over_time", "min"),
            ("max", "max"),
            ("max_over_time", "max"),
        ];
        let Some((inside, word)) = gauges.iter().find_map(|(f, w)| Some((call(text, f)?, *w)))
        else {
            break;
        };
        (text, gauge) = (inside.trim(), word);
    }
    series(text).map(|series| Query::Gauge(gauge, series))
}

fn strip_or_zero(text: &str) -> &str {
    text.strip_suffix("or vector(0)").map_or(text, str::trim_end)
}

/// The inside of `name (…)` or `name by (…) (…)`, where that is the whole text.
fn call<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = text.strip_prefix(name)?.trim_start();
    if let Some(grouped) = rest.strip_prefix("by") {
        let grouped = grouped.trim_start().strip_prefix('(')?;
        rest = grouped.split_once(')')?.1.trim_start();
    }
    let inside = rest.strip_prefix('(')?.strip_suffix(')')?;
    // `sum(a) / sum(b)` begins and ends like a call and is none.
    let mut depth = 0_i64;
    for c in inside.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    (depth == 0).then(|| inside.trim())
}

fn series(text: &str) -> Option<Series> {
    let (text, range) = match text.strip_suffix(']') {
        Some(open) => {
            let (text, range) = open.rsplit_once('[')?;
            let duration = crate::units::Duration::parse_promql(range.trim()).is_ok();
            (text.trim(), duration.then(|| range.trim().to_owned()))
        }
        None => (text, None),
    };
    let (metric, mut matchers) = crate::sla::read_series(text)?;
    let metric = match metric {
        Some(metric) => metric,
        None => {
            let named =
                |m: &Matcher| m.name == "__name__" && m.op == crate::sla::ast::MatchOp::Equal;
            let at = matchers.iter().position(named)?;
            matchers.remove(at).value
        }
    };
    Some(Series { metric, matchers, range })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let said = |word: &str, s: Series| {
            let matchers: Vec<_> = s
                .matchers
                .iter()
                .map(|m| format!("{}{}{}", m.name, m.op.sign(), m.value))
                .collect();
            format!("{word} {} {} {}", s.metric, matchers.join(","), s.range.unwrap_or_default())
        };
        let found = match read(text) {
            Some(Query::Counter(s)) => said("counter", s),
            Some(Query::Quantile(p, s)) => said(&p, s),
            Some(Query::Gauge(word, s)) => said(word, s),
            None => "none".into(),
        };
        assert_eq!(found.trim_end(), expected, "{text}");
    }

    #[test]
    fn counters_quantiles_and_gauges_are_told_apart() {
        check("sum(rate(a_total{code!~\"5..\"}[5m]))", "counter a_total code!~5.. 5m");
        check("sum by (job) (increase(a[{{.window}}])) or vector(0)", "counter a");
        check("rate({__name__=\"a\", x='1'}[1h])", "counter a x=1 1h");
        check("histogram_quantile(0.99, sum by (le) (rate(d_bucket[5m])))", "p99 d_bucket  5m");
        check("avg_over_time(temperature{room=\"a\"}[10m])", "avg temperature room=a 10m");
        check("up", "avg up");
        check("sum(rate(a[5m])) / sum(rate(b[5m]))", "none");
        check("a + b", "none");
        check("", "none");
        check(&"sum(".repeat(50), "none");
    }
}
