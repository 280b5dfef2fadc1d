//! Owns the score: every evaluation of the scripts is passed, failed, or skipped with a reason.

use std::collections::BTreeMap;
use std::path::PathBuf;

use squall_query::ast::Expr;
use squall_query::histogram::{Hint, Histogram, HistogramSample, HistogramSeries};
use squall_query::{
    Element, Labels, QueryError, Selector, Series, Storage, Track, Value, eval, eval_range,
    is_stale_marker, parse,
};

use crate::script::{Command, Eval, Item, read};

/// The scripts without the experimental languages; 1,244 evaluations.
const CORE: &[&str] = &[
    "aggregators",
    "at_modifier",
    "collision",
    "functions",
    "histograms",
    "literals",
    "name_label_dropping",
    "operators",
    "range_queries",
    "selectors",
    "staleness",
    "subquery",
    "trig_functions",
];

/// The scripts of what is left out on purpose (but for two that need other start options): each
/// evaluation passes or is refused, none is wrong.
const REST: &[&str] = &[
    "duration_expression",
    "extended_vectors",
    "fill-modifier",
    "info",
    "limit",
    "native_histograms",
];

/// Passed evaluations below which the evaluator has lost something.
const PASSED_MIN: usize = 1240;

#[derive(Default)]
struct Score {
    passed: usize,
    core: usize,
    failed: Vec<String>,
    skipped: BTreeMap<String, usize>,
    unchecked: usize,
}

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

#[derive(Default)]
struct World {
    series: Vec<Series>,
    native: Vec<HistogramSeries>,
}

impl Storage for World {
    fn select(&self, selector: &Selector, start_ms: i64, end_ms: i64) -> Vec<Series> {
        self.series.select(selector, start_ms, end_ms)
    }

    fn holds_histograms(&self) -> bool {
        !self.native.is_empty()
    }

    fn histograms(&self, selector: &Selector, start_ms: i64, end_ms: i64) -> Vec<HistogramSeries> {
        let within = |sample: &&HistogramSample| (start_ms..=end_ms).contains(&sample.t_ms);
        let cut = |series: &HistogramSeries| HistogramSeries {
            labels: series.labels.clone(),
            samples: series.samples.iter().filter(within).cloned().collect(),
        };
        let matching = self.native.iter().filter(|series| selector.matches(&series.labels));
        matching.map(cut).filter(|series| !series.samples.is_empty()).collect()
    }
}

#[test]
fn the_scripts_of_prometheus_pass() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/promqltest");
    if !folder.is_dir() {
        println!("SKIP the scripts of Prometheus: {} is absent", folder.display());
        return;
    }
    let mut sum = Score::default();
    for name in CORE.iter().chain(REST) {
        let text = std::fs::read_to_string(folder.join(format!("{name}.test"))).unwrap();
        let score = run(&text, name);
        let skipped: usize = score.skipped.values().sum();
        println!(
            "{name}: {} passed, {} failed, {skipped} skipped",
            score.passed,
            score.failed.len()
        );
        sum.core += if CORE.contains(name) { score.passed } else { 0 };
        sum.passed += score.passed;
        sum.unchecked += score.unchecked;
        sum.failed.extend(score.failed);
        for (reason, count) in score.skipped {
            *sum.skipped.entry(reason).or_default() += count;
        }
    }
    for failure in &sum.failed {
        println!("FAILED {failure}");
    }
    let skipped: usize = sum.skipped.values().sum();
    let applicable = sum.passed + sum.failed.len();
    println!("passed {} of {applicable} applicable, skipped {skipped}:", sum.passed);
    for (reason, count) in &sum.skipped {
        println!("  {count} {reason}");
    }
    println!("  {} passed with their warnings or notes unchecked", sum.unchecked);
    assert!(sum.failed.is_empty(), "no evaluation may be silently wrong");
    println!("of the core's 1244: {} passed", sum.core);
    assert!(sum.core >= PASSED_MIN, "{} passed, at least {PASSED_MIN} wanted", sum.core);
}

fn run(text: &str, name: &str) -> Score {
    let mut score = Score::default();
    let mut world = World::default();
    for command in read(text) {
        match command {
            Command::Clear => world = World::default(),
            Command::Load(loaded) => {
                for one in loaded {
                    if !one.histograms.is_empty() {
                        let labels = &one.labels;
                        match world.native.iter_mut().find(|s| s.labels == *labels) {
                            Some(known) => known.samples.extend(one.histograms),
                            None => world.native.push(HistogramSeries {
                                labels: labels.clone(),
                                samples: one.histograms,
                            }),
                        }
                    }
                    if one.samples.is_empty() {
                        continue;
                    }
                    match world.series.iter_mut().find(|s| s.labels == one.labels) {
                        Some(known) => known.samples.extend(one.samples),
                        None => world.series.push(Series {
                            labels: one.labels,
                            samples: one.samples,
                            created_ms: None,
                        }),
                    }
                }
            }
            Command::Eval(eval) => match outcome(&eval, &world) {
                Outcome::Passed => {
                    score.passed += 1;
                    score.unchecked += usize::from(eval.annotated);
                }
                Outcome::Failed(why) => {
                    score.failed.push(format!("{name}:{} {}: {why}", eval.line, eval.query));
                }
                Outcome::Skipped(reason) => *score.skipped.entry(reason).or_default() += 1,
            },
        }
    }
    score
}

fn outcome(wanted: &Eval, world: &World) -> Outcome {
    let expr = match parse(&wanted.query) {
        Ok(expr) => expr,
        Err(QueryError::Unsupported(what)) => return Outcome::Skipped(format!("needs {what}")),
        Err(_) if wanted.fail => return Outcome::Passed,
        Err(QueryError::Syntax(_)) => return Outcome::Skipped("syntax the parser lacks".into()),
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    match checked(wanted, &expr, world) {
        Ok(()) => Outcome::Passed,
        Err(why) => Outcome::Failed(why),
    }
}

fn checked(wanted: &Eval, expr: &Expr, storage: &dyn Storage) -> Result<(), String> {
    let (start_ms, end_ms, step_ms) = wanted.range;
    let value = if wanted.instant {
        eval(expr, storage, start_ms)
    } else {
        eval_range(expr, storage, wanted.range).map(Value::Matrix)
    };
    let value = match value {
        Err(_) if wanted.fail => return Ok(()),
        Err(error) => return Err(error.to_string()),
        Ok(value) if wanted.fail => return Err(format!("should fail, but is {value:?}")),
        Ok(value) => value,
    };
    match value {
        Value::Scalar(v) => match wanted.scalar {
            Some(expected) if close(v, expected) => Ok(()),
            other => Err(format!("is {v}, not {other:?}")),
        },
        Value::Text(text) => match &wanted.text {
            Some(expected) if *expected == text => Ok(()),
            other => Err(format!("is {text:?}, not {other:?}")),
        },
        Value::Vector(elements) => {
            let got: Vec<_> =
                elements.iter().map(|e| (e.labels.clone(), vec![Some(shown(e))])).collect();
            same(got, wanted.series.clone(), wanted.ordered)?;
            in_range_mode(wanted, expr, storage)
        }
        Value::Matrix(tracks) => {
            let (start_ms, step_ms) = wanted.matrix.unwrap_or((start_ms, step_ms));
            let steps = |track: &Track| {
                let floats = track.samples.iter().map(|s| (s.t_ms, Item::Float(s.v)));
                let native = track.histograms.iter();
                let native = native.map(|s| (s.t_ms, Item::Histogram((*s.histogram).clone())));
                let mut all: Vec<(i64, Item)> = floats.chain(native).collect();
                all.sort_by_key(|(t_ms, _)| *t_ms);
                let last_ms = all
                    .last()
                    .map_or(start_ms, |s| s.0)
                    .max(end_ms * i64::from(wanted.matrix.is_none()));
                let count = (last_ms - start_ms) / step_ms.max(1) + 1;
                let mut values = vec![None; count.max(0) as usize];
                for (t_ms, item) in all {
                    let at = (t_ms - start_ms) / step_ms.max(1);
                    if at >= 0
                        && (at as usize) < values.len()
                        && (t_ms - start_ms) % step_ms.max(1) == 0
                    {
                        values[at as usize] = Some(item);
                    } else {
                        values.push(Some(Item::Float(f64::NAN)));
                    }
                }
                values
            };
            let got = tracks.iter().map(|t| (t.labels.clone(), steps(t))).collect();
            same(got, wanted.series.clone(), false)
        }
    }
}

/// An instant's value must also be the one that a range through the same time has there.
fn in_range_mode(wanted: &Eval, expr: &Expr, storage: &dyn Storage) -> Result<(), String> {
    const AROUND_MS: i64 = 60_000;
    let at_ms = wanted.range.0;
    let text = wanted.query.replace(' ', "");
    // What names the range itself differs by design.
    if ["start()", "end()", "sort", "topk", "bottomk"].iter().any(|word| text.contains(word)) {
        return Ok(());
    }
    let Ok(tracks) = eval_range(expr, storage, (at_ms - AROUND_MS, at_ms + AROUND_MS, AROUND_MS))
    else {
        return Ok(());
    };
    let at = |track: &squall_query::Track| {
        let float = track.samples.iter().find(|s| s.t_ms == at_ms).map(|s| Item::Float(s.v));
        let native = track.histograms.iter().find(|s| s.t_ms == at_ms);
        let native = native.map(|s| Item::Histogram((*s.histogram).clone()));
        Some((track.labels.clone(), vec![Some(float.or(native)?)]))
    };
    let got = tracks.iter().filter_map(at).collect();
    same(got, wanted.series.clone(), false).map_err(|why| format!("as a range: {why}"))
}

fn shown(element: &Element) -> Item {
    match &element.histogram {
        None => Item::Float(element.v),
        Some(histogram) => Item::Histogram((**histogram).clone()),
    }
}

type Rows = Vec<(Labels, Vec<Option<Item>>)>;

fn same(mut got: Rows, mut wanted: Rows, ordered: bool) -> Result<(), String> {
    if !ordered {
        got.sort_by(|a, b| a.0.cmp(&b.0));
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let equal = got.len() == wanted.len()
        && got.iter().zip(&wanted).all(|((l, v), (m, w))| {
            let longest = v.len().max(w.len());
            l == m
                && (0..longest).all(|n| {
                    match (v.get(n).cloned().flatten(), w.get(n).cloned().flatten()) {
                        (None, None) => true,
                        (Some(Item::Float(a)), Some(Item::Float(b))) => close(a, b),
                        (Some(Item::Histogram(a)), Some(Item::Histogram(b))) => alike(&a, &b),
                        _ => false,
                    }
                })
        });
    if equal { Ok(()) } else { Err(format!("is {got:?}, not {wanted:?}")) }
}

/// Compares a histogram with the one that is wanted, whose hint may be left open.
fn alike(got: &Histogram, wanted: &Histogram) -> bool {
    let buckets = |a: &[(i32, f64)], b: &[(i32, f64)]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && close(a.1, b.1))
    };
    got.schema == wanted.schema
        && close(got.zero_threshold, wanted.zero_threshold)
        && close(got.zero_count, wanted.zero_count)
        && close(got.count, wanted.count)
        && close(got.sum, wanted.sum)
        && buckets(&got.positive, &wanted.positive)
        && buckets(&got.negative, &wanted.negative)
        && got.bounds == wanted.bounds
        && (wanted.hint == Hint::Unknown || wanted.hint == got.hint)
}

fn close(a: f64, b: f64) -> bool {
    const SHARE: f64 = 1e-6;
    if is_stale_marker(a) || is_stale_marker(b) {
        return is_stale_marker(a) == is_stale_marker(b);
    }
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let sum = a.abs() + b.abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return (a - b).abs() < SHARE * f64::MIN_POSITIVE;
    }
    (a - b).abs() / sum.min(f64::MAX) < SHARE
}
