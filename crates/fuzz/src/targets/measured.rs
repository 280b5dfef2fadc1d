//! Metrics of targets, answers of a Prometheus, and the queries that are asked of them.

use squall_query::ast::Expr;
use squall_query::{Labels, Sample, Series, Storage as _, Value};
use squall_signals::exposition::{self, Format};
use squall_signals::{Limits, Store};

use crate::Target;

/// A query over a small store, in full and as a rule that is kept up to date.
pub(super) const PROMQL: Target = Target {
    name: "promql",
    about: "queries of experiment files",
    words: &[
        "sum by (r) (",
        "rate(a_total[30s])",
        "histogram_quantile(0.9, ",
        "d_bucket",
        "offset 5s",
        "@ end()",
        "[1m:5s]",
        "group_left",
        "on (r)",
        "bool",
        "topk(2, ",
        "label_replace(",
        "absent(",
        "NaN",
        "Inf",
        "{r=~\"o.*\"}",
        "unless",
        "without",
    ],
    run: promql,
};
/// The text format.
pub(super) const EXPOSITION: Target = Target {
    name: "exposition",
    about: "metrics in Prometheus' text format",
    words: &[
        "# TYPE a counter\n",
        "# HELP a b\n",
        "a{le=\"+Inf\"} 1",
        "NaN",
        "-Inf",
        "\\n",
        "1e309",
    ],
    run: |bytes| body(bytes, Format::Text),
};
/// OpenMetrics.
pub(super) const OPENMETRICS: Target = Target {
    name: "openmetrics",
    about: "metrics in the OpenMetrics format",
    words: &[
        "# TYPE a counter\n",
        "# UNIT a_s s\n",
        "a_total 1",
        "a_created 1",
        "# {t=\"1\"} 1 2",
        "# EOF\n",
    ],
    run: |bytes| body(bytes, Format::OpenMetrics),
};
/// Answers of Prometheus' API.
pub(super) const PROMETHEUS: Target = Target {
    name: "prometheus",
    about: "answers of a Prometheus",
    words: &[
        "{\"status\":\"success\",",
        "\"data\":",
        "\"resultType\":\"matrix\"",
        "\"values\":[[1,\"1\"]]",
        "null",
    ],
    run: prometheus,
};

fn prometheus(bytes: &[u8]) {
    let _samples = squall_signals::fuzz::prometheus(bytes);
}

fn body(bytes: &[u8], format: Format) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(read) = exposition::parse(&text, format) else { return };
    // What is taken is kept to the bit, and what is not is counted.
    let mut store = Store::new(Limits::default());
    let mut taken = 0;
    for (at, sample) in read.samples.iter().enumerate() {
        let t_ms = sample.t_ms.unwrap_or(at as i64);
        let Ok(_) = store.append(&sample.labels, t_ms, sample.v) else { continue };
        taken += 1;
        assert_eq!(store.newest_ms(&sample.labels), Some(t_ms));
        let _born = read.created_ms(&sample.labels);
    }
    assert_eq!(store.samples_len(), taken);
    let all = squall_query::Selector::new(Vec::new());
    let read: usize = store.select(&all, i64::MIN, i64::MAX).iter().map(|s| s.samples.len()).sum();
    assert_eq!(read, taken, "samples were lost");
}

const START_MS: i64 = 1_000_000;
const STEP_MS: i64 = 5_000;

fn labels(n: usize) -> Labels {
    let pod = ["x", "y"][n % 2];
    match n {
        0..4 => Labels::named("a_total", [("r", ["ok", "error"][n / 2]), ("pod", pod)]),
        _ => Labels::named("d_bucket", [("le", ["0.1", "1", "+Inf"][n % 3]), ("pod", pod)]),
    }
}

fn promql(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(expr) = squall_query::parse(&text) else { return };
    let mut store = Store::new(Limits::default());
    let mut plain: Vec<Series> = (0..10)
        .map(|n| Series { labels: labels(n), samples: Vec::new(), created_ms: None })
        .collect();
    let rule = store.watch(expr.clone(), START_MS);
    for n in 0..24_i64 {
        let at_ms = START_MS + n * STEP_MS;
        for (which, series) in plain.iter_mut().enumerate() {
            // A reset, a gap and a NaN, each at a time of its own.
            let v = match (n, which) {
                (7, 1) => 0.0,
                (9..=11, 2) => continue,
                (13, 3) => f64::NAN,
                _ => (n * (which as i64 + 1)) as f64,
            };
            if store.append(&series.labels, at_ms, v).is_ok() {
                series.samples.push(Sample { t_ms: at_ms, v });
            }
        }
        if n % 6 == 5 {
            let full = squall_query::eval(&expr, &plain, at_ms);
            let live = store.evaluate(rule, at_ms);
            match (&full, &live) {
                (Ok(full), Ok(live)) => assert_eq!(bits(full), bits(live), "at {at_ms}"),
                (full, live) => assert_eq!(full.is_err(), live.is_err(), "{full:?} {live:?}"),
            }
        }
    }
    range(&expr, &plain);
}

/// A range is the same answers one after the other.
fn range(expr: &Expr, plain: &Vec<Series>) {
    let (start, end) = (START_MS + 60_000, START_MS + 90_000);
    let Ok(tracks) = squall_query::eval_range(expr, plain, (start, end, 15_000)) else { return };
    for track in tracks {
        assert!(track.samples.is_sorted_by(|a, b| a.t_ms < b.t_ms));
        assert!(track.samples.iter().all(|s| (start..=end).contains(&s.t_ms)));
    }
}

/// A value to the bit, whatever the order of its elements.
fn bits(value: &Value) -> String {
    let number = |v: f64| if v.is_nan() { "NaN".to_owned() } else { format!("{:x}", v.to_bits()) };
    match value {
        Value::Vector(elements) => {
            let mut all: Vec<String> =
                elements.iter().map(|e| format!("{} {}", e.labels, number(e.v))).collect();
            all.sort();
            all.join("; ")
        }
        Value::Scalar(v) => number(*v),
        other => format!("{other:?}"),
    }
}
