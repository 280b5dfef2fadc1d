//! Random queries over random data, asked of a real Prometheus and of the evaluator: every value
//! of every answer is compared, at one time and over a range of times, in full and incrementally.

mod data;
mod generate;

use generate::Queries;
use serde_json::Value as Json;
use squall_query::{Labels, Series, Value};
use squall_real::lab::Lab;
use squall_real::needs::{self, Need};
use squall_signals::Store;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

const PORT: u16 = 9091;
/// How many queries, and their seed; `SQUALL_QUERIES=COUNT:SEED` asks for others.
const QUERIES: usize = 1500;
const SEED: u64 = 20_261_128;
/// Every so many-th query is asked over a range of times too.
const OVER_RANGE: usize = 5;
const STEP_MS: i64 = 50_000;
const STEPS: i64 = 6;
/// How far two numbers may be apart, relative to the larger: sums are added up in another order.
const APART: f64 = 1e-8;

/// Why an answer may differ: a decision of Prometheus 3, which Squall follows and Debian's 2.42 is
/// before, or a defect of 2.42. Where that can be kept out of the queries, it is.
fn explained(Question { query, range }: &Question) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|word| query.contains(word));
    if has(&["atan2"]) {
        return Some("2.42 keeps the metric's name behind atan2");
    }
    if has(&["stddev", "stdvar"]) && has(&["odd", "Inf", "(2, ", "(-1, "]) {
        return Some("2.42 says that one infinite number has no spread; 3 says NaN");
    }
    let moves = has(&["timestamp("]) || (*range && has(&["predict_linear("]));
    (moves && has(&[" @ "])).then_some("2.42 lets @ move along inside these functions")
}

/// One question: a query, at the usual time or over a range that ends there.
struct Question {
    query: String,
    range: bool,
}

/// What a side says: each series' values by time, or that it refuses.
type Answer = Result<BTreeMap<String, Vec<(i64, f64)>>, String>;

#[test]
fn random_queries_have_prometheus_answers() {
    if !needs::met("random_queries_have_prometheus_answers", &[Need::Root, Need::Prometheus]) {
        return;
    }
    let (count, seed) = asked();
    let series = data::series(seed);
    let mut lab = Lab::new();
    start(&mut lab, &series);
    let mut queries = Queries::new(seed);
    let questions: Vec<Question> = (0..count)
        .map(|n| Question { query: queries.next_query(), range: n % OVER_RANGE == 0 })
        .collect();
    let theirs = ask(&lab, &questions);
    let mut store = store(&series);
    let mut differ = Vec::new();
    let (mut values, mut refused, mut known) = (0, 0, BTreeMap::new());
    for (question, theirs) in questions.iter().zip(&theirs) {
        let ours = answer(question, &series, &mut store);
        match difference(&ours, theirs) {
            None => match theirs {
                Ok(answer) => values += answer.values().map(Vec::len).sum::<usize>(),
                Err(_) => refused += 1,
            },
            Some(what) => match explained(question) {
                Some(why) => *known.entry(why).or_insert(0) += 1,
                None => differ.push(format!("{}\n    {what}", question.query)),
            },
        }
    }
    println!(
        "{count} queries, {values} values alike, {refused} refused by both, {} differ",
        differ.len()
    );
    known.iter().for_each(|(why, count)| println!("  {count} explained: {why}"));
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
    assert!(values > 4 * count, "the queries ask for too little: {values} values");
}

fn asked() -> (usize, u64) {
    let asked = std::env::var("SQUALL_QUERIES").unwrap_or_default();
    asked
        .split_once(':')
        .and_then(|(count, seed)| Some((count.parse().ok()?, seed.parse().ok()?)))
        .unwrap_or((QUERIES, SEED))
}

/// Starts Debian's Prometheus over blocks that its own tool made of the series.
fn start(lab: &mut Lab, series: &[Series]) {
    let folder = lab.scratch().to_owned();
    let (samples, blocks, config) =
        (folder.join("samples.txt"), folder.join("blocks"), folder.join("prometheus.yml"));
    std::fs::write(&samples, data::openmetrics(series)).unwrap();
    std::fs::write(&config, "global: {}\n").unwrap();
    let mut promtool = lab.command("promtool");
    promtool.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(&samples).arg(&blocks);
    let made = promtool.stdout(Stdio::null()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let args = [
        format!("--config.file={}", config.display()),
        format!("--storage.tsdb.path={}", blocks.display()),
        "--storage.tsdb.retention.time=50y".to_owned(),
        format!("--web.listen-address=127.0.0.1:{PORT}"),
    ];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    lab.start("prometheus", Path::new("/usr/bin/prometheus"), &args);
    lab.wait_http(&format!("http://127.0.0.1:{PORT}/-/ready"));
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn span() -> (i64, i64) {
    (data::ASKED_MS - STEPS * STEP_MS, data::ASKED_MS)
}

/// Asks everything through one connection.
fn ask(lab: &Lab, questions: &[Question]) -> Vec<Answer> {
    let mut config = String::new();
    for (n, Question { query, range }) in questions.iter().enumerate() {
        let quoted = query.replace('\\', "\\\\").replace('"', "\\\"");
        let (from, to) = span();
        let (verb, times) = match range {
            true => (
                "query_range",
                vec![("start", seconds(from)), ("end", seconds(to)), ("step", seconds(STEP_MS))],
            ),
            false => ("query", vec![("time", seconds(to))]),
        };
        if n > 0 {
            config.push_str("next\n");
        }
        let _ = writeln!(config, "url = \"http://127.0.0.1:{PORT}/api/v1/{verb}\"\nsilent");
        let _ = writeln!(config, "data-urlencode = \"query={quoted}\"\nwrite-out = \"\\n\"");
        for (key, value) in times {
            let _ = writeln!(config, "data-urlencode = \"{key}={value}\"");
        }
    }
    let file = lab.scratch().join("questions.curl");
    std::fs::write(&file, config).unwrap();
    let output = lab.command("curl").arg("--config").arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Answer> = text.lines().filter(|line| !line.is_empty()).map(read).collect();
    assert_eq!(answers.len(), questions.len(), "an answer each");
    answers
}

fn read(line: &str) -> Answer {
    let answer: Json = serde_json::from_str(line).unwrap();
    if answer["status"] != "success" {
        return Err(answer["error"].as_str().unwrap_or_default().to_owned());
    }
    let pair = |pair: &Json| {
        let t_ms = (pair[0].as_f64().unwrap() * 1000.0).round() as i64;
        (t_ms, pair[1].as_str().unwrap().parse::<f64>().unwrap())
    };
    let result = &answer["data"]["result"];
    if answer["data"]["resultType"] == "scalar" {
        return Ok([(String::new(), vec![pair(result)])].into());
    }
    let series = result.as_array().unwrap().iter().map(|series| {
        let labels: BTreeMap<String, String> =
            serde_json::from_value(series["metric"].clone()).unwrap();
        let values = match series["values"].as_array() {
            Some(values) => values.iter().map(pair).collect(),
            None => vec![pair(&series["value"])],
        };
        (Labels::from_pairs(labels).to_string(), values)
    });
    Ok(series.collect())
}

fn store(series: &[Series]) -> Store {
    let mut store = Store::default();
    for Series { labels, samples, .. } in series {
        for sample in samples {
            store.append(labels, sample.t_ms, sample.v).unwrap();
        }
    }
    store
}

/// Our answer: the evaluator's over plain series, which the store's and the incremental ones equal.
fn answer(question: &Question, series: &[Series], store: &mut Store) -> Answer {
    let series = series.to_vec();
    let expr = squall_query::parse(&question.query).map_err(|e| e.to_string())?;
    let (from, to) = span();
    if question.range {
        let tracks = squall_query::eval_range(&expr, &series, (from, to, STEP_MS));
        let tracks = tracks.map_err(|e| e.to_string())?;
        return Ok(tracks
            .into_iter()
            .map(|t| (t.labels.to_string(), t.samples.iter().map(|s| (s.t_ms, s.v)).collect()))
            .collect());
    }
    let value = of_value(squall_query::eval(&expr, &series, to).map_err(|e| e.to_string()), to);
    let stored = of_value(squall_query::eval(&expr, &*store, to).map_err(|e| e.to_string()), to);
    assert_eq!(
        difference(&stored, &value),
        None,
        "the store answers otherwise: {}",
        question.query
    );
    let rule = store.watch(expr, to);
    let live = of_value(store.evaluate(rule, to).map_err(|e| e.to_string()), to);
    assert_eq!(difference(&live, &value), None, "the rule answers otherwise: {}", question.query);
    value
}

fn of_value(value: Result<Value, String>, at_ms: i64) -> Answer {
    Ok(match value? {
        Value::Scalar(v) => [(String::new(), vec![(at_ms, v)])].into(),
        Value::Text(text) => return Err(text),
        Value::Vector(elements) => {
            elements.iter().map(|e| (e.labels.to_string(), vec![(at_ms, e.v)])).collect()
        }
        Value::Matrix(tracks) => tracks
            .iter()
            .map(|t| (t.labels.to_string(), t.samples.iter().map(|s| (s.t_ms, s.v)).collect()))
            .collect(),
    })
}

/// Says how two answers differ.
fn difference(ours: &Answer, theirs: &Answer) -> Option<String> {
    let (ours, theirs) = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(_), Err(_)) => return None,
        (Err(why), Ok(_)) => return Some(format!("only we refuse: {why}")),
        (Ok(_), Err(why)) => return Some(format!("only they refuse: {why}")),
    };
    let names = |answer: &BTreeMap<String, _>| answer.keys().cloned().collect::<Vec<_>>();
    if ours.len() != theirs.len() || !ours.keys().eq(theirs.keys()) {
        return Some(format!("series: ours {:?}, theirs {:?}", names(ours), names(theirs)));
    }
    for ((name, ours), theirs) in ours.iter().zip(theirs.values()) {
        let times = |values: &[(i64, f64)]| values.iter().map(|(t, _)| *t).collect::<Vec<_>>();
        if times(ours) != times(theirs) {
            return Some(format!("{name}: at {:?}, theirs at {:?}", times(ours), times(theirs)));
        }
        for ((t_ms, a), (_, b)) in ours.iter().zip(theirs) {
            if !alike(*a, *b) {
                return Some(format!("{name} at {t_ms}: ours {a}, theirs {b}"));
            }
        }
    }
    None
}

fn alike(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= APART * a.abs().max(b.abs()).max(1e-9)
}
