//! Owns the score: every evaluation of the scripts is passed, failed, or skipped with a reason.

use std::collections::BTreeMap;
use std::path::PathBuf;

use squall_query::ast::Expr;
use squall_query::{
    Labels, QueryError, Selector, Series, Storage, Value, eval, eval_range, is_stale_marker, parse,
};

use crate::script::{Command, Eval, read};

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
const PASSED_MIN: usize = 930;

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
    native: Vec<Labels>,
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
                    if one.native {
                        world.native.push(one.labels);
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
    if wanted.native || reads_native(&expr, world) {
        return Outcome::Skipped("native histograms".into());
    }
    match checked(wanted, &expr, &world.series) {
        Ok(()) => Outcome::Passed,
        Err(why) => Outcome::Failed(why),
    }
}

fn reads_native(expr: &Expr, world: &World) -> bool {
    let mut found = false;
    let mut look = |selector: &Selector| {
        found |= world.native.iter().any(|labels| selector.matches(labels));
    };
    expr.walk(&mut |expr| {
        if let Expr::Vector(vector) | Expr::Range(vector, _) = expr {
            look(&vector.selector);
        }
    });
    found
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
                elements.iter().map(|e| (e.labels.clone(), vec![Some(e.v)])).collect();
            same(got, wanted.series.clone(), wanted.ordered)?;
            in_range_mode(wanted, expr, storage)
        }
        Value::Matrix(tracks) => {
            let (start_ms, step_ms) = wanted.matrix.unwrap_or((start_ms, step_ms));
            let steps = |samples: &[squall_query::Sample]| {
                let last_ms = samples
                    .last()
                    .map_or(start_ms, |s| s.t_ms)
                    .max(end_ms * i64::from(wanted.matrix.is_none()));
                let count = (last_ms - start_ms) / step_ms.max(1) + 1;
                let mut values = vec![None; count.max(0) as usize];
                for sample in samples {
                    let at = (sample.t_ms - start_ms) / step_ms.max(1);
                    if at >= 0
                        && (at as usize) < values.len()
                        && (sample.t_ms - start_ms) % step_ms.max(1) == 0
                    {
                        values[at as usize] = Some(sample.v);
                    } else {
                        values.push(Some(f64::NAN));
                    }
                }
                values
            };
            let got = tracks.iter().map(|t| (t.labels.clone(), steps(&t.samples))).collect();
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
        let sample = track.samples.iter().find(|s| s.t_ms == at_ms)?;
        Some((track.labels.clone(), vec![Some(sample.v)]))
    };
    let got = tracks.iter().filter_map(at).collect();
    same(got, wanted.series.clone(), false).map_err(|why| format!("as a range: {why}"))
}

type Rows = Vec<(Labels, Vec<Option<f64>>)>;

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
                    match (v.get(n).copied().flatten(), w.get(n).copied().flatten()) {
                        (None, None) => true,
                        (Some(a), Some(b)) => close(a, b),
                        _ => false,
                    }
                })
        });
    if equal { Ok(()) } else { Err(format!("is {got:?}, not {wanted:?}")) }
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
