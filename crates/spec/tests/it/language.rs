//! Runs docs/language: a `yaml` block must give exactly the diagnostics of the block after it.
//!
//! ```text
//! yaml         a whole file; its kind says who reads it
//! yaml spec    keys of an experiment's spec; the rest of the file is the base below
//! sla          rules; `scrape=15s` and `edges=METRIC:0.1,0.25` say what is known of the system,
//!              `to=promql|rules|openslo` asks for what they compile to
//! openslo      OpenSLO documents, and the rules they become
//! chaosblade   a report, and its injections
//! diagnostics  what the block above gives; no such block means nothing at all
//! ```
//! `UPDATE_DOCS=1` writes what was found into the page instead of failing.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use squall_spec::{Diagnostic, LineIndex};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const PAGES: [&str; 4] = ["experiment.md", "policy.md", "services.md", "sla.md"];
/// Blocks that hold what the block above them gives.
const OUTPUTS: [&str; 6] = [
    "```diagnostics",
    "```promql",
    "```prometheus",
    "```openslo-out",
    "```imported",
    "```injections",
];

/// A file with nothing wrong in it; a `yaml spec` block replaces the keys it writes.
const BASE_HEAD: &str =
    "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {name: base}\nspec:\n";
const BASE_SPEC: [(&str, &str); 4] = [
    ("hypothesis", "  hypothesis: Orders keep succeeding.\n"),
    ("signals", "  signals: [{scrape: \"http://127.0.0.1:8080/metrics\"}]\n"),
    (
        "steadyState",
        "  steadyState: [{name: orders, query: \"sum(rate(orders_total[5s]))\", expect: \"> 100/s\"}]\n",
    ),
    ("method", "  method: [{fault: process.pause, target: {service: payment}, hold: 10s}]\n"),
];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn read(text: &str) -> Vec<Diagnostic> {
    if text.contains("kind: Policy") {
        squall_spec::parse_policy(text).1
    } else if text.contains("kind: Services") || text.starts_with("services:") {
        squall_spec::parse_services(text).1
    } else {
        squall_spec::parse_experiment(text).1
    }
}

/// Returns a whole file with these keys of its spec, and how many lines stand before them.
pub(crate) fn base_with(block: &str) -> (String, usize) {
    let mut text = BASE_HEAD.to_owned();
    for (key, line) in BASE_SPEC {
        if !block.lines().any(|l| l.starts_with(&format!("{key}:"))) {
            text.push_str(line);
        }
    }
    let first_line = text.lines().count();
    for line in block.lines() {
        writeln!(text, "  {line}").unwrap();
    }
    (text, first_line)
}

/// Returns every `yaml` block of a page with the words behind its fence.
pub(crate) fn blocks(page: &str) -> Vec<(String, String)> {
    let fences = page.split("```yaml").skip(1);
    let block = |text: &str| {
        let (info, rest) = text.split_once('\n').unwrap();
        let end = rest.find("```").unwrap();
        (format!("yaml{info}"), rest[..end].to_owned())
    };
    fences.map(block).collect()
}

fn render(info: &str, block: &str) -> String {
    let (text, first_line, indent) = if info == "yaml spec" {
        let (text, first_line) = base_with(block);
        (text, first_line, 2)
    } else {
        (block.to_owned(), 0, 0)
    };
    shown(&text, read(&text), first_line, indent)
}

fn shown(text: &str, found: Vec<Diagnostic>, first_line: usize, indent: i64) -> String {
    let lines = LineIndex::new(text);
    let mut out = String::new();
    for diagnostic in found {
        let at = lines.position(diagnostic.span.start);
        let (line, column) = (at.line as i64 - first_line as i64, at.column as i64 - indent);
        let level = diagnostic.level.word();
        let (code, message) = (diagnostic.code, &diagnostic.message);
        writeln!(out, "{line}:{column}: {level}[{code}]: {message}").unwrap();
        for (span, label) in &diagnostic.others {
            let at = lines.position(span.start);
            let (line, column) = (at.line as i64 - first_line as i64, at.column as i64 - indent);
            writeln!(out, "  also {line}:{column}: {label}").unwrap();
        }
        let label = Some(&diagnostic.label).filter(|label| !label.is_empty());
        for (word, text) in [
            ("label", label),
            ("help", diagnostic.help.as_ref()),
            ("note", diagnostic.note.as_ref()),
        ] {
            if let Some(text) = text {
                writeln!(out, "  {word}: {text}").unwrap();
            }
        }
    }
    out
}

/// Returns what a block gives, by the name of the block that shows it.
fn outputs(info: &str, block: &str) -> Vec<(&'static str, String)> {
    match info.split(' ').next() {
        Some("sla") => rules(info, block),
        Some("openslo") => {
            let (rules, found) = squall_spec::openslo::import(block);
            vec![("imported", rules), ("diagnostics", shown(block, found, 0, 0))]
        }
        Some("chaosblade") => {
            let report = squall_spec::chaosblade::read(block);
            let mut out = String::new();
            for i in &report.injections {
                let service = i.service.as_deref().unwrap_or("?");
                let to = i.to_ms.map_or("still on".into(), |to| format!("{} ms", to - i.from_ms));
                writeln!(out, "{} → {service}   {to}   {}", i.fault, i.uid).unwrap();
            }
            vec![("injections", out), ("diagnostics", shown(block, report.diagnostics, 0, 0))]
        }
        _ => vec![("diagnostics", render(info, block))],
    }
}

fn rules(info: &str, block: &str) -> Vec<(&'static str, String)> {
    let value = |key: &str| info.split(' ').find_map(|word| word.strip_prefix(key));
    let mut facts = squall_spec::sla::Facts::default();
    if let Some(scrape) = value("scrape=") {
        facts.scrape_ms = Some(scrape.parse::<squall_spec::Duration>().unwrap().as_millis());
    }
    if let Some((metric, edges)) = value("edges=").and_then(|edges| edges.split_once(':')) {
        let edges = edges.split(',').map(|edge| edge.parse().unwrap()).collect();
        facts.edges.insert(metric.to_owned(), edges);
    }
    let checked = squall_spec::sla::check(block, &facts);
    let mut all = vec![("diagnostics", shown(block, checked.diagnostics, 0, 0))];
    match value("to=") {
        Some(to @ ("promql" | "rules")) => {
            let lost = squall_spec::sla::lost_in_promql(&checked.agreements);
            all[0].1.push_str(&shown(block, lost, 0, 0));
            let all_rules = &checked.agreements;
            all.push(match to {
                "promql" => ("promql", squall_spec::sla::promql::page(all_rules)),
                _ => ("prometheus", squall_spec::sla::rules(all_rules)),
            });
        }
        Some("openslo") => {
            let (out, found) = squall_spec::openslo::export(&checked.agreements);
            all[0].1.push_str(&shown(block, found, 0, 0));
            all.push(("openslo-out", out));
        }
        _ => {}
    }
    all
}

/// Returns the page with every block's diagnostics as they are.
fn run(page: &str) -> String {
    let mut out = String::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        writeln!(out, "{line}").unwrap();
        let info = line.strip_prefix("```").unwrap_or_default();
        if !matches!(info.split(' ').next(), Some("yaml" | "sla" | "openslo" | "chaosblade")) {
            continue;
        }
        let mut block = String::new();
        for line in lines.by_ref() {
            writeln!(out, "{line}").unwrap();
            if line == "```" {
                break;
            }
            writeln!(block, "{line}").unwrap();
        }
        while lines.peek().is_some_and(|line| OUTPUTS.contains(line)) {
            while lines.next().is_some_and(|line| line != "```") {}
        }
        for (output, found) in outputs(info, &block) {
            if !found.is_empty() {
                write!(out, "```{output}\n{found}```\n").unwrap();
            }
        }
    }
    out
}

#[test]
fn every_page_tells_the_truth() {
    for name in PAGES {
        let path = root().join("docs/language").join(name);
        let page = std::fs::read_to_string(&path).unwrap();
        let found = run(&page);
        if std::env::var_os("UPDATE_DOCS").is_some() && found != page {
            std::fs::write(&path, &found).unwrap();
        }
        let differs = found.lines().zip(page.lines()).find(|(a, b)| a != b);
        assert!(found == page, "{name}: {differs:?}; UPDATE_DOCS=1 writes what was found");
    }
}

#[test]
fn every_code_has_an_example() {
    let mut pages = String::new();
    for name in PAGES {
        pages.push_str(&std::fs::read_to_string(root().join("docs/language").join(name)).unwrap());
    }
    let mut codes = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap();
            for declared in source.split("Code = Code::").skip(1) {
                let id = declared.split('"').nth(1).unwrap().to_owned();
                assert!(codes.insert(id.clone()), "{id} is declared twice");
            }
        }
    }
    assert!(codes.len() > 20, "the codes were found: {codes:?}");
    let bare: Vec<_> =
        codes.iter().filter(|code| !pages.contains(&format!("[{code}]: "))).collect();
    assert!(bare.is_empty(), "codes without an example: {bare:?}");
}
