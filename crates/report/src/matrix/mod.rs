//! The SLA matrix in five formats. Every number comes from the document; the words for it are made
//! here once, so that all formats say the same.

mod html;
mod junit;
mod markdown;
mod text;

use crate::number;
use crate::width;
use squall_wire::matrix::{Cell, Matrix, Row, Run, Tag, Word};
use squall_wire::record::Unit;

/// One way to show a matrix.
pub struct MatrixFormat {
    /// Its name on the command line.
    pub name: &'static str,
    /// Renders a matrix; true where colors may be used.
    pub render: fn(&Matrix, bool) -> String,
}

/// Every format, sorted by name.
pub static ALL: &[MatrixFormat] = &[
    MatrixFormat { name: "html", render: html::render },
    MatrixFormat { name: "json", render: json },
    MatrixFormat { name: "junit", render: junit::render },
    MatrixFormat { name: "markdown", render: markdown::render },
    MatrixFormat { name: "text", render: text::render },
];

/// Finds a format by its name.
pub fn find(name: &str) -> Option<&'static MatrixFormat> {
    ALL.iter().find(|format| format.name == name)
}

fn json(matrix: &Matrix, _: bool) -> String {
    let text = serde_json::to_string_pretty(matrix);
    text.expect("invariant: the document has only texts, numbers and lists") + "\n"
}

/// A value in the row's unit.
fn value(row: &Row, value: f64) -> String {
    number::value(value, row.unit, row.limit)
}

/// The number a cell is shown by.
fn main_value(row: &Row, run: &Run) -> String {
    run.value.map_or_else(|| "no value".into(), |v| value(row, v))
}

/// What stands small beside it: who did it, how many events, or why nothing is known.
fn small(matrix: &Matrix, cell: &Cell, run: &Run) -> String {
    match (run.word, run.cause.as_ref().and_then(|cause| cause.tags.first())) {
        (Word::Refuted, Some(tag)) => match other(matrix, cell, run, tag) {
            Some(name) => format!("{} {name}", tag.rung),
            None => rung(tag),
        },
        (Word::Refuted, None) => "no cause".into(),
        (Word::Invalid, _) => "invalid".into(),
        _ if run.total > 0 => format!("n {}", thousands(run.total)),
        _ if run.samples > 0 => format!("{} samples", run.samples),
        _ => "no data".into(),
    }
}

/// What did it, where that was another fault than the one whose cell this is.
fn other(matrix: &Matrix, cell: &Cell, run: &Run, tag: &Tag) -> Option<String> {
    let at = tag.injection.filter(|at| cell.runs.iter().all(|run| run.injection != *at))?;
    let (found, own) = (matrix.injections.get(at)?, matrix.injections.get(run.injection)?);
    let is_same = found.fault == own.fault;
    Some(width::one_line(&if is_same {
        format!("→ {}", found.target)
    } else {
        found.fault.clone()
    }))
}

/// The rung with its word, and the share where it is known.
fn rung(tag: &Tag) -> String {
    match tag.share {
        Some(share) => format!("{} {} %", tag.rung, number::percent(share, None)),
        None => format!("{} {}", tag.rung, tag.word),
    }
}

/// A count as people say it: `150k`.
fn thousands(n: u64) -> String {
    match n {
        0..10_000 => number::count(n),
        10_000..1_000_000 => format!("{}k", n / 1_000),
        _ => format!("{:.1}M", n as f64 / 1e6),
    }
}

/// The confidence sequence of the bad share, in the row's own direction where values are shares.
fn interval(matrix: &Matrix, row: &Row, run: &Run) -> Option<String> {
    let (low, high) = run.interval?;
    let level = (matrix.confidence * 1e4).round() / 100.0;
    let good = row.unit == Unit::Share
        && run.value.zip(run.bad_share).is_some_and(|(v, bad)| (v - (1.0 - bad)).abs() < 1e-9);
    let (mid, low, high) = match good {
        true => (run.value?, 1.0 - high, 1.0 - low),
        false => (run.bad_share?, low, high),
    };
    let digits = number::percents(&[mid, low, high], row.limit.filter(|_| good));
    let what = if good { "" } else { " bad" };
    Some(format!("{} %{what} [{}, {}] at {level} %", digits[0], digits[1], digits[2]))
}

/// The lines that say what a run showed: name and text.
fn facts(matrix: &Matrix, row: &Row, run: &Run) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    if let Some(interval) = interval(matrix, row, run) {
        all.push(("interval", format!("{interval}, n = {}", number::count(run.total))));
    }
    if let Some(baseline) = run.baseline {
        all.push(("before", value(row, baseline)));
    }
    if let Some(worst) = run.worst {
        all.push(("worst sample", value(row, worst)));
    }
    if let Some(windowed) = run.windowed {
        all.push((
            "own window",
            format!("{} at worst, as a dashboard shows it", value(row, windowed)),
        ));
    }
    if let Some(e) = run.e {
        all.push(("E-value", number::evidence(e)));
    }
    all.push(("samples", samples(run)));
    if let Some(breaker) = &run.breaker {
        all.push(("breaker", breaker_text(breaker)));
    }
    if let Some(budget) = run.budget {
        let burnt = number::percent(budget, None);
        all.push(("budget", format!("{burnt} % of the whole period's, booked as chaos")));
    }
    all
}

fn samples(run: &Run) -> String {
    let mut text = format!("{}, {} anomalous", run.samples, run.strikes);
    if run.gaps > 0 {
        text.push_str(&format!(", {} missing", run.gaps));
    }
    text
}

fn breaker_text(breaker: &squall_wire::matrix::Breaker) -> String {
    let seconds = |ms: i64| number::seconds(ms as f64 / 1e3);
    let worst = number::percent(breaker.worst, None);
    match (breaker.opened_ms, breaker.closed_ms) {
        (None, _) => format!("stayed closed, {worst} % at most"),
        (Some(opened), None) => format!("opened at {}, {worst} % at most", seconds(opened)),
        (Some(opened), Some(closed)) => {
            format!(
                "opened at {}, closed at {}, {worst} % at most",
                seconds(opened),
                seconds(closed)
            )
        }
    }
}

/// The same with what the switch showed, where the fault was toggled: for formats that list no
/// steps.
fn tag_sentence(matrix: &Matrix, tag: &Tag) -> (String, String) {
    let switched = tag.steps.iter().find_map(|step| step.strip_prefix("E: "));
    let Some(switched) = switched else { return tag_text(matrix, tag) };
    let (name, said) = tag_text(matrix, &Tag { p: None, ..tag.clone() });
    (name, format!("{said}; {}", switched.trim_start_matches("no data: ")))
}

/// The step that rules a fault out; what is asked after it may have no data.
fn ruled_by(tag: &Tag) -> &str {
    let failed = tag.steps.iter().find(|step| step.contains(": no: "));
    failed.or(tag.steps.last()).map_or("", String::as_str)
}

/// A tag in words: `http.delay → payment: attributed, rung D: 94 % of the excess`.
fn tag_text(matrix: &Matrix, tag: &Tag) -> (String, String) {
    let found = tag.injection.and_then(|at| matrix.injections.get(at));
    let name = found.map_or_else(|| "a fault".into(), |i| fault_name(&i.fault, &i.target));
    let mut said = format!("{}, rung {}", tag.word, tag.rung);
    if let Some(share) = tag.share {
        said.push_str(&format!(": {} % of the excess", number::percent(share, None)));
    }
    if let Some(p) = tag.p {
        said.push_str(&format!(", p = {}", number::plain(p)));
    }
    if !tag.declared {
        said.push_str("; not named by IMPACTED_BY");
    }
    (name, said)
}

fn fault_name(fault: &str, target: &str) -> String {
    if target.is_empty() { fault.to_owned() } else { format!("{fault} → {target}") }
}

/// What a violation is worth among so many cells.
fn standing(matrix: &Matrix, cell: &Cell) -> Option<String> {
    (cell.stands == Some(false)).then(|| {
        let cells = matrix.cells().count();
        format!("among {cells} cells one like this may come by chance (e-BH at 5 %)")
    })
}

/// The first line: counts of each word.
fn summary(matrix: &Matrix) -> String {
    let words = [Word::Held, Word::Refuted, Word::Inconclusive, Word::Invalid];
    let count = |word: &Word| format!("{} {} {}", word.sign(), matrix.count(*word), word.name());
    words
        .iter()
        .filter(|word| **word != Word::Invalid || matrix.count(**word) > 0)
        .map(count)
        .collect::<Vec<_>>()
        .join("   ")
}

/// `4 services, 8 rules, 7 faults`.
fn size(matrix: &Matrix) -> String {
    let mut services: Vec<&str> = matrix.rows.iter().map(|row| row.service.as_str()).collect();
    services.dedup();
    let of = |n: usize, one: &str, many: &str| number::plural(n as u64, one, many);
    format!(
        "{}, {}, {}",
        of(services.len(), "service", "services"),
        of(matrix.rows.len(), "rule", "rules"),
        of(matrix.columns.len(), "fault", "faults")
    )
}

fn service_name(service: &str) -> &str {
    if service.is_empty() { "no service named" } else { service }
}

fn rule_name(row: &Row) -> String {
    if row.group.is_empty() { row.rule.clone() } else { format!("{} ({})", row.rule, row.group) }
}
