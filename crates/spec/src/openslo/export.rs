//! Owns rules to OpenSLO v1 documents.

use super::{INEXPRESSIBLE, LEFT_OUT, RENAMED};
use crate::diagnostic::Diagnostic;
use crate::sla::promql;
use crate::sla::{Agreement, Limit, Measure, length};
use crate::units::{Duration, Op};
use std::collections::HashSet;
use std::fmt::Write as _;

/// The period of a rule that promises nothing for a longer time.
const PERIOD_MS: u64 = 30 * 86_400_000;

/// Writes agreements as OpenSLO v1; what has no place there is said, and an agreement that would
/// lose its meaning is not written.
pub fn export(agreements: &[Agreement]) -> (String, Vec<Diagnostic>) {
    let (mut out, mut said) = (String::new(), Vec::new());
    let mut names = HashSet::new();
    for (at, agreement) in agreements.iter().enumerate() {
        left_out(agreement, &mut said);
        let body = match (&agreement.measure, agreement.bound) {
            (Measure::Share { .. }, Some(bound)) => ratio(agreement, bound),
            (Measure::Quantile { .. } | Measure::Value { .. }, Some(bound)) => {
                threshold(agreement, bound)
            }
            (_, None) | (Measure::Lag, _) => None,
        };
        let Some(body) = body else {
            let message = format!("{} cannot be expressed in OpenSLO", agreement.name);
            said.push(
                Diagnostic::new(INEXPRESSIBLE, agreement.span, message)
                    .help("OpenSLO knows ratios and thresholds; this rule has neither"),
            );
            continue;
        };
        let gap = if out.is_empty() { "" } else { "---\n" };
        out.push_str(gap);
        let wanted = slug(&agreement.name, at);
        let name = free(&names, &wanted);
        if name != wanted {
            let message = format!("{} is named {name} in OpenSLO", agreement.name);
            let help = format!("another rule is {wanted} there already; its displayName is whole");
            said.push(Diagnostic::new(RENAMED, agreement.span, message).help(help));
        }
        document(agreement, &name, &body, &mut out);
        names.insert(name);
    }
    (out, said)
}

fn left_out(agreement: &Agreement, said: &mut Vec<Diagnostic>) {
    let clauses = [
        (agreement.breaker.is_some(), "BREAK"),
        (agreement.consistency.is_some(), "CONSISTENT"),
        (!agreement.impacted_by.is_empty(), "IMPACTED_BY"),
        (!agreement.group_by.is_empty(), "GROUP BY"),
        // An objective has one target, and of the two the promise is it.
        (is_outdone(agreement), "THRESHOLD beside another OBJECTIVE"),
    ];
    for (_, word) in clauses.iter().filter(|(has, _)| *has) {
        let message = format!("{word} has no place in OpenSLO and is left out");
        said.push(
            Diagnostic::new(LEFT_OUT, agreement.span, message)
                .help("keep the rule file; the export is for other tools"),
        );
    }
}

/// Tells whether a share has a bound and promises another share over its period.
fn is_outdone(agreement: &Agreement) -> bool {
    let Some((bound, budget)) = agreement.bound.zip(agreement.budget) else { return false };
    let share = good_share(&agreement.measure, bound);
    share.is_some_and(|share| rounded(share) != rounded(budget.target))
}

/// The share of events that a bound wants to be good.
fn good_share(measure: &Measure, bound: Limit) -> Option<f64> {
    let Measure::Share { part_is_good, .. } = measure else { return None };
    Some(if *part_is_good { bound.value } else { 1.0 - bound.value })
}

/// The indicator, indented for `spec`, and the objective's lines.
struct Body {
    indicator: String,
    objective: String,
}

fn source(query: &str, indent: &str) -> String {
    format!(
        "{indent}metricSource:\n{indent}  type: Prometheus\n{indent}  spec:\n{indent}    query: {}\n",
        promql::quoted(query)
    )
}

fn ratio(agreement: &Agreement, bound: Limit) -> Option<Body> {
    let Measure::Share { part, whole, part_is_good } = &agreement.measure else { return None };
    let window = promql::range(agreement.window_ms);
    let events = |s| format!("sum(rate({}[{window}]))", promql::selector(s, &[]));
    let word = if *part_is_good { "good" } else { "bad" };
    let indicator = format!(
        "      ratioMetric:\n        counter: true\n        {word}:\n{}        total:\n{}",
        source(&events(part), "          "),
        source(&events(whole), "          ")
    );
    let share = good_share(&agreement.measure, bound)?;
    let target = agreement.budget.map_or(share, |b| b.target);
    Some(Body { indicator, objective: format!("    - target: {}\n", rounded(target)) })
}

fn threshold(agreement: &Agreement, bound: Limit) -> Option<Body> {
    let query = promql::query(agreement)?;
    let indicator = format!("      thresholdMetric:\n{}", source(&query, "        "));
    let op = match bound.op {
        Op::Ge => "gte",
        Op::Gt => "gt",
        Op::Le => "lte",
        Op::Lt => "lt",
    };
    let target = agreement.budget.map_or(0.99, |b| b.target);
    let objective = format!(
        "    - op: {op}\n      value: {}\n      target: {}\n",
        rounded(bound.value),
        rounded(target)
    );
    Some(Body { indicator, objective })
}

/// Nine digits, which is as exact as rules are.
fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

fn document(agreement: &Agreement, name: &str, body: &Body, out: &mut String) {
    let period = agreement.budget.map_or(PERIOD_MS, |b| b.over_ms);
    let period = length(Duration::from_millis(period));
    let shown = promql::quoted(&agreement.name);
    let service = promql::quoted(agreement.service.as_deref().unwrap_or("unknown"));
    let _ = write!(
        out,
        "apiVersion: openslo/v1\nkind: SLO\nmetadata:\n  name: {name}\n  displayName: {shown}\n\
         spec:\n  service: {service}\n  indicator:\n    metadata:\n      name: {name}\n    spec:\n\
         {}  timeWindow:\n    - duration: {period}\n      isRolling: true\n  \
         budgetingMethod: Occurrences\n  objectives:\n{}",
        body.indicator, body.objective
    );
}

/// A name that no other document has: the one that is wanted, or that with a number.
fn free(taken: &HashSet<String>, wanted: &str) -> String {
    let numbered = (2..).map(|n| format!("{wanted}-{n}"));
    let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
    names.find(|name| !taken.contains(name)).expect("invariant: numbers do not end")
}

/// A name as Kubernetes wants it; names without any Latin letter get a number.
fn slug(name: &str, at: usize) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => out.push(c.to_ascii_lowercase()),
            _ if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    let out = out.trim_matches('-');
    let short: String = out.chars().take(50).collect();
    if short.is_empty() { format!("sla-{}", at + 1) } else { short.trim_matches('-').to_owned() }
}
