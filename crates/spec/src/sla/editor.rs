//! Owns what an editor shows: the sentence behind a rule, the meaning of a word, what may follow.

use super::agreement::{Agreement, Facts, Measure};
use super::ast::{Clause, Function};
use super::check::check;
use super::clauses::CLAUSES;
use super::print::length;
use super::promql;
use super::syntax::{Kind, Leaf, span};
use crate::diagnostic::Span;
use crate::units::Duration;

/// Something that may be written at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// What is shown in the list and what a typed prefix is compared with.
    pub label: String,
    /// What is inserted.
    pub insert: String,
    /// What it means.
    pub detail: String,
}

/// Says a rule as one sentence.
pub fn sentence(agreement: &Agreement) -> String {
    let window = length(Duration::from_millis(agreement.window_ms));
    let bound = agreement.bound.map(|b| format!("must be {} {}", b.op.sign(), b.written));
    let bound = bound.unwrap_or_else(|| "is watched by a breaker".into());
    let plain = |s| promql::selector(s, &[]);
    let what = match &agreement.measure {
        Measure::Share { part, whole, .. } => {
            format!("The share of {} among {}, over {window}, {bound}", plain(part), plain(whole))
        }
        Measure::Quantile { buckets, tau } => {
            let limit = agreement.bound.map_or(String::new(), |b| b.written.to_string());
            let allowed = ((1.0 - tau) * 1e9).round() / 1e7;
            format!(
                "The {} quantile of {}, over {window}, {bound}: at most {allowed} % of its events \
                 may be above {limit}",
                tau,
                plain(buckets)
            )
        }
        Measure::Value { function, series } => {
            format!("{} of {}, over {window}, {bound}", function.name(), plain(series))
        }
        Measure::Lag => "A replica's lag is bounded".into(),
    };
    let groups = match agreement.group_by.as_slice() {
        [] => String::new(),
        labels => format!(", for each {}", labels.join(", ")),
    };
    format!("{what}{groups}.")
}

/// Says what stands at a byte of a file, in Markdown.
pub fn hover(text: &str, offset: usize, facts: &Facts) -> Option<(Span, String)> {
    let checked = check(text, facts);
    let leaf = leaf_at(&checked.parsed.tree(), text, offset)?;
    let at = span(leaf.text_range());
    let word = leaf.text();
    if leaf.kind() == Kind::Word && word.eq_ignore_ascii_case("SLA")
        || leaf.kind() == Kind::Text && is_name(&leaf)
    {
        let rule = leaf.parent()?;
        let of = |a: &&Agreement| {
            span(rule.text_range()).start <= a.span.start
                && a.span.end <= span(rule.text_range()).end
        };
        let agreement = checked.agreements.iter().find(of)?;
        let query = promql::query(agreement).unwrap_or_else(|| "no query measures it".into());
        return Some((at, format!("{}\n\n```promql\n{query}\n```", sentence(agreement))));
    }
    if leaf.kind() != Kind::Word {
        return None;
    }
    if let Some(known) = CLAUSES.iter().find(|known| known.word.eq_ignore_ascii_case(word)) {
        return Some((at, format!("{}\n\n```sla\n{}\n```", known.meaning, known.usage)));
    }
    Function::of(word).map(|function| (at, meaning(function)))
}

fn is_name(leaf: &Leaf) -> bool {
    leaf.parent().is_some_and(|parent| parent.kind() == Kind::Rule)
}

fn leaf_at(tree: &super::syntax::Node, text: &str, offset: usize) -> Option<Leaf> {
    if offset > text.len() {
        return None;
    }
    let at = rowan::TextSize::try_from(offset).ok()?;
    tree.token_at_offset(at).right_biased()
}

/// Says what a function makes of the samples.
pub fn meaning(function: Function) -> String {
    match function {
        Function::Rate => "The share of events that meet WHERE among those that its identifying \
                           conditions leave; events a second where the bound is such as 200/s."
            .into(),
        Function::Ratio => "A share of events.".into(),
        Function::Quantile(share) => format!(
            "The {share} quantile of a classic histogram, judged as the share of events above the \
             bound: at most {}.",
            share.complement()
        ),
        Function::Avg => "The mean of a gauge over the window.".into(),
        Function::Min => "The least of a gauge over the window.".into(),
        Function::Max => "The most of a gauge over the window.".into(),
        Function::Increase => "How much a counter grew over the window.".into(),
    }
}

/// Lists what may be written at a byte of a file.
pub fn complete(text: &str, offset: usize) -> Vec<Suggestion> {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = super::lex::tokens(&text[..offset]);
    let inside = before.last().is_some_and(|t| {
        t.kind == Kind::Comment
            || (t.kind == Kind::Text && !text[t.start..t.end].ends_with(['"', '”']))
    });
    if inside {
        return Vec::new();
    }
    let mut words: Vec<&str> =
        before.iter().filter(|t| !t.kind.is_trivia()).map(|t| &text[t.start..t.end]).collect();
    // A word that is still being typed does not say where it stands.
    if before.last().is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Compare)) {
        words.pop();
    }
    let last = words.last().map_or(String::new(), |w| w.to_ascii_uppercase());
    let pick = |list: &[(&str, &str)]| -> Vec<Suggestion> {
        let one = |(insert, detail): &(&str, &str)| Suggestion {
            label: (*insert).to_owned(),
            insert: (*insert).to_owned(),
            detail: (*detail).to_owned(),
        };
        list.iter().map(one).collect()
    };
    match last.as_str() {
        "" | ";" | "；" => pick(&[("SLA(\"\")", "a rule and its name")]),
        "AGGREGATE" => functions(),
        "THRESHOLD" | "ERROR_RATE" => {
            pick(&[(">=", "at least"), ("<=", "at most"), (">", "more than"), ("<", "less than")])
        }
        "GROUP" => pick(&[("BY service", "each service by itself")]),
        "BREAK" => pick(&[("WHEN error_rate >= 0.5% OVER 5m", "the rate that opens it")]),
        "CONSISTENT" => pick(&[("WITHIN 200ms VIA gtid(\"primary\", \"replica\")", "the lag")]),
        "WHEN" if words.len() > 1 && words[words.len() - 2].eq_ignore_ascii_case("BREAK") => {
            pick(&[("error_rate", "the share of bad events")])
        }
        "WHEN" => pick(&[("metric=\"\"", "the metric's name")]),
        "WHERE" => pick(&[("label=\"{}\"", "conditions on labels")]),
        "OVER" | "DECAY" | "WITHIN" => pick(&[("1m", ""), ("5m", ""), ("1h", ""), ("30d", "")]),
        "FOR" => pick(&[("2 samples", "anomalous samples in a row")]),
        "RECOVER" => pick(&[("AFTER 3 healthy", "healthy checks in a row")]),
        "IMPACTED_BY" => pick(&[("chaos(\"cpu-load\")", "a fault")]),
        _ => clauses_left(text, offset),
    }
}

fn functions() -> Vec<Suggestion> {
    let quantiles = ["p50", "p90", "p95", "p99", "p99.9"];
    let of = |word: &&str| {
        let function = Function::of(word)?;
        Some(Suggestion {
            label: (*word).to_owned(),
            insert: format!("{word}(5m)"),
            detail: meaning(function),
        })
    };
    Function::WORDS.iter().chain(&quantiles).filter_map(of).collect()
}

/// The clauses that the rule around a place does not have yet.
fn clauses_left(text: &str, offset: usize) -> Vec<Suggestion> {
    let parsed = super::parse::parse(text);
    let rule = parsed.rules.iter().rev().find(|rule| rule.name.span.start < offset);
    let has = |word: &str| {
        let written = rule.map(|rule| rule.clauses.as_slice()).unwrap_or_default();
        word != "IMPACTED_BY"
            && written.iter().any(|clause: &crate::spanned::Spanned<Clause>| {
                super::print::print_clause(&clause.value).starts_with(&format!("{word} "))
            })
    };
    let left = CLAUSES.iter().filter(|known| !has(known.word));
    left.map(|known| Suggestion {
        label: known.word.to_owned(),
        insert: known.usage.to_owned(),
        detail: known.meaning.to_owned(),
    })
    .collect()
}
