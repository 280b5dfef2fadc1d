//! Owns the reading of test scripts: `load`, `clear` and `eval` commands with what they expect.

use squall_query::histogram::{Histogram, HistogramSample};
use squall_query::{Labels, MatchOp, Sample, stale_marker};
use std::sync::Arc;

use crate::native;

/// One command of a script.
pub(crate) enum Command {
    Clear,
    Load(Vec<Loaded>),
    Eval(Eval),
}

/// One loaded series.
pub(crate) struct Loaded {
    pub(crate) labels: Labels,
    pub(crate) samples: Vec<Sample>,
    pub(crate) histograms: Vec<HistogramSample>,
}

/// A value as it is written.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Float(f64),
    Histogram(Histogram),
}

/// One evaluation and what it expects.
#[derive(Default)]
pub(crate) struct Eval {
    pub(crate) line: usize,
    pub(crate) query: String,
    /// Start, end and step; all the same time and no step for an instant.
    pub(crate) range: (i64, i64, i64),
    pub(crate) instant: bool,
    pub(crate) fail: bool,
    pub(crate) ordered: bool,
    /// Whether the script wants a warning or note, which are not made here.
    pub(crate) annotated: bool,
    pub(crate) text: Option<String>,
    pub(crate) scalar: Option<f64>,
    /// The range of an expected range vector: start and step.
    pub(crate) matrix: Option<(i64, i64)>,
    pub(crate) series: Vec<(Labels, Vec<Option<Item>>)>,
}

/// Reads a script; what cannot be read is a defect of this reader, so it panics.
pub(crate) fn read(text: &str) -> Vec<Command> {
    let clean = |line: &str| {
        let line = line.trim();
        if line.starts_with('#') { String::new() } else { line.to_owned() }
    };
    let lines: Vec<String> = text.lines().map(clean).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = &lines[at];
        let block: Vec<&str> =
            lines[at + 1..].iter().take_while(|l| !l.is_empty()).map(String::as_str).collect();
        let word = line.split_whitespace().next().unwrap_or_default();
        match word {
            "" => at += 1,
            "clear" => {
                commands.push(Command::Clear);
                at += 1;
            }
            "load" | "load_with_nhcb" => {
                let step_ms = duration(line.split_whitespace().nth(1).unwrap());
                let nhcb = word == "load_with_nhcb";
                commands.push(Command::Load(load(&block, step_ms, nhcb)));
                at += 1 + block.len();
            }
            _ if word.starts_with("eval") => {
                commands.push(Command::Eval(eval(line, &block, at + 1)));
                at += 1 + block.len();
            }
            other => panic!("line {}: unknown command {other}", at + 1),
        }
    }
    commands
}

fn load(block: &[&str], step_ms: i64, nhcb: bool) -> Vec<Loaded> {
    let mut out = Vec::new();
    for line in block {
        let (metric, rest) = split_metric(line);
        let labels = labels(metric);
        let (mut samples, mut histograms) = (Vec::new(), Vec::new());
        let mut before: Option<Arc<Histogram>> = None;
        for (n, item) in values(rest).into_iter().enumerate() {
            let t_ms = n as i64 * step_ms;
            match item {
                None => {}
                Some(Item::Float(v)) => {
                    before = None;
                    samples.push(Sample { t_ms, v });
                }
                Some(Item::Histogram(h)) => {
                    let histogram = Arc::new(native::stored(before.as_deref(), h));
                    before = Some(histogram.clone());
                    histograms.push(HistogramSample { t_ms, histogram });
                }
            }
        }
        out.push(Loaded { labels, samples, histograms });
    }
    if nhcb {
        // The command also makes a native histogram out of the classic buckets.
        out.extend(native::from_classic(&out));
    }
    out
}

fn eval(line: &str, block: &[&str], number: usize) -> Eval {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut eval = Eval {
        line: number,
        fail: words[0] == "eval_fail",
        ordered: words[0] == "eval_ordered",
        annotated: matches!(words[0], "eval_warn" | "eval_info"),
        instant: words[1] == "instant",
        ..Eval::default()
    };
    let mut skip = 2;
    if eval.instant && words[2] == "at" {
        let at_ms = duration(words[3]);
        eval.range = (at_ms, at_ms, 0);
        skip = 4;
    } else if !eval.instant {
        eval.range = (duration(words[3]), duration(words[5]), duration(words[7]));
        skip = 8;
    }
    let mut query = line;
    for _ in 0..skip {
        let (_, rest) = query.split_once(char::is_whitespace).unwrap();
        query = rest.trim_start();
    }
    eval.query = query.to_owned();
    for line in block {
        if let Some(expected) = line.strip_prefix("expect ") {
            expect(&mut eval, expected.trim());
        } else if let Ok(v) = number_of(line) {
            eval.scalar = Some(v);
        } else {
            let (metric, rest) = split_metric(line);
            eval.series.push((labels(metric), values(rest)));
        }
    }
    eval
}

fn expect(eval: &mut Eval, expected: &str) {
    let words: Vec<&str> = expected.split_whitespace().collect();
    match words[0] {
        "fail" => eval.fail = true,
        "ordered" => eval.ordered = true,
        "warn" | "info" => eval.annotated = true,
        "no_warn" | "no_info" => {}
        "string" => eval.text = Some(unquote(expected["string".len()..].trim())),
        "range" => eval.matrix = Some((duration(words[3]), duration(words[7]))),
        other => panic!("line {}: unknown expectation {other}", eval.line),
    }
}

fn unquote(text: &str) -> String {
    let inner = &text[1..text.len() - 1];
    match text.starts_with('`') {
        true => inner.to_owned(),
        false => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
    }
}

fn split_metric(line: &str) -> (&str, &str) {
    let name_end = line.find(|c: char| c == '{' || c.is_whitespace()).unwrap_or(line.len());
    if !line[name_end..].starts_with('{') {
        return line.split_at(name_end);
    }
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in line[name_end..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return line.split_at(name_end + at + 1),
            _ => {}
        }
    }
    panic!("no end of labels in {line}");
}

fn labels(metric: &str) -> Labels {
    let name = metric.split('{').next().unwrap_or_default();
    let body = metric[name.len()..].trim_matches(['{', '}']).trim();
    let none: [(&str, &str); 0] = [];
    if body.is_empty() {
        return if name.is_empty() { Labels::empty() } else { Labels::named(name, none) };
    }
    let tree = squall_query::parse(metric).unwrap_or_else(|e| panic!("{metric}: {e}"));
    let squall_query::ast::Expr::Vector(vector) = tree else { panic!("{metric} is no metric") };
    Labels::from_pairs(vector.selector.matchers.into_iter().map(|m| {
        assert_eq!(m.op, MatchOp::Equal);
        (m.name, m.value)
    }))
}

fn values(text: &str) -> Vec<Option<Item>> {
    let mut rest = text.trim();
    let mut out = Vec::new();
    while !rest.is_empty() {
        let mut inside = 0;
        let end = rest.char_indices().find(|(_, c)| {
            match c {
                '{' => inside += 1,
                '}' => inside -= 1,
                _ => {}
            }
            c.is_whitespace() && inside == 0
        });
        let (token, next) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        if token.starts_with("{{") {
            out.extend(native::items(token).into_iter().map(|h| Some(Item::Histogram(h))));
        } else {
            out.extend(item(token).into_iter().map(|v| v.map(Item::Float)));
        }
        rest = next.trim_start();
    }
    out
}

/// Reads `1`, `_`, `stale`, `1x3`, `1+2x3`, `_x3`.
fn item(token: &str) -> Vec<Option<f64>> {
    let (body, times) = match token.rsplit_once('x') {
        Some((body, times)) if !body.is_empty() && times.parse::<usize>().is_ok() => {
            (body, Some(times.parse::<usize>().unwrap()))
        }
        _ => (token, None),
    };
    if body == "_" {
        return vec![None; times.unwrap_or(1)];
    }
    if body == "stale" {
        return vec![Some(stale_marker()); times.unwrap_or(0) + 1];
    }
    let sign = |(at, c): &(usize, char)| {
        matches!(c, '+' | '-') && *at > 0 && !matches!(&body[at - 1..*at], "e" | "E" | "+" | "-")
    };
    let (start, step) = match body.char_indices().find(sign) {
        Some((at, '+')) => (&body[..at], number_of(&body[at + 1..]).unwrap()),
        Some((at, _)) => (&body[..at], -number_of(&body[at + 1..]).unwrap()),
        None => (body, 0.0),
    };
    let start = number_of(start).unwrap_or_else(|()| panic!("{token} is no value"));
    let mut v = start;
    let mut out = vec![Some(v)];
    for _ in 0..times.unwrap_or(0) {
        v += step;
        out.push(Some(v));
    }
    out
}

pub(crate) fn number_of(text: &str) -> Result<f64, ()> {
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).map(|v| v as f64).map_err(drop);
    }
    text.parse().map_err(drop)
}

fn duration(text: &str) -> i64 {
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds * 1000.0).round() as i64;
    }
    if let Some(text) = text.strip_prefix('-') {
        return -duration(text);
    }
    let units = [
        ("ms", 1),
        ("s", 1000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
        ("w", 604_800_000),
        ("y", 31_536_000_000),
    ];
    let mut rest = text;
    let mut total = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
        let unit_end =
            rest[end..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |n| end + n);
        let (_, ms) = units.iter().find(|(name, _)| *name == &rest[end..unit_end]).unwrap();
        total += rest[..end].parse::<i64>().unwrap() * ms;
        rest = &rest[unit_end..];
    }
    total
}
