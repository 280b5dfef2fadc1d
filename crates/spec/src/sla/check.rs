//! Owns the step from what was written to what can be judged: each rule becomes an
//! [`Agreement`], or messages say why not.

use super::agreement::{Agreement, Breaker, Budget, Consistency, Facts, Limit, Measure, Selector};
use super::ast::{Chaos, Clause, Function, Rule};
use super::bounds;
use super::parse::{DIAGNOSTICS_MAX, Parsed, TOO_MANY, parse};
use super::split;
use crate::diagnostic::{Code, Diagnostic, Span, has_error, in_file_order};
use crate::spanned::Spanned;
use crate::units::Op;
use std::collections::HashMap;

pub(super) const TWICE: Code = Code::error("S507");
pub(super) const MISSING: Code = Code::error("S520");
pub(super) const DOES_NOT_FIT: Code = Code::error("S528");
pub(super) const SAME_NAME: Code = Code::error("S529");
pub(super) const LAG_LATER: Code = Code::warning("S530");
pub(super) const GROUP_FIXED: Code = Code::warning("S532");
pub(super) const NO_RULES: Code = Code::error("S535");

/// The window where a rule names none.
const WINDOW_MS: u64 = 5 * 60 * 1000;
/// Anomalous samples in a row where a rule says nothing, as in experiments.
const SAMPLES: u32 = 2;
/// Healthy checks in a row that close a breaker where a rule says nothing.
const RECOVER: u32 = 3;
/// Labels that name a service, the surest first.
const SERVICE_LABELS: [&str; 7] =
    ["service", "service.name", "service_name", "target_service", "app", "application", "job"];

/// A file of rules, read and checked.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The writing: tree and typed clauses.
    pub parsed: Parsed,
    /// The rules without an error.
    pub agreements: Vec<Agreement>,
    /// Everything that is wrong, in file order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and checks a file of rules.
pub fn check(text: &str, facts: &Facts) -> Checked {
    let parsed = parse(text);
    let mut found = parsed.diagnostics.clone();
    let mut dropped = 0;
    let mut agreements = Vec::with_capacity(parsed.rules.len());
    let mut names: HashMap<&str, Span> = HashMap::with_capacity(parsed.rules.len());
    for rule in &parsed.rules {
        let mut said = Vec::new();
        if let Some(first) = names.insert(&rule.name.value, rule.name.span) {
            let message = format!("there are two rules named {}", rule.name.value);
            said.push(
                Diagnostic::new(SAME_NAME, rule.name.span, message)
                    .other(first, "the other one")
                    .help("give each rule a name of its own: cells and alerts are found by it"),
            );
        }
        let agreement = agreement(rule, facts, &mut said);
        let broken = parsed.is_broken(rule);
        // What is missing may be what could not be read; that was said already.
        said.retain(|d| !broken || d.code != MISSING.id);
        agreements.extend(agreement.filter(|_| !broken && !has_error(&said)));
        let room = DIAGNOSTICS_MAX.saturating_sub(found.len());
        dropped += said.len().saturating_sub(room);
        found.extend(said.into_iter().take(room));
    }
    if parsed.rules.is_empty() && found.is_empty() {
        let message = "there is no rule in this file";
        let help = "a rule begins with SLA(\"its name\"); docs/language/sla.md has examples";
        found.push(Diagnostic::new(NO_RULES, Span::NONE, message).help(help));
    }
    let mut diagnostics = in_file_order(found);
    if dropped > 0 {
        let message = format!("{dropped} more messages are not shown; mend the first ones");
        let at = diagnostics.last().map_or(Span::NONE, |d| d.span);
        diagnostics.push(Diagnostic::new(TOO_MANY, at, message));
    }
    Checked { parsed, agreements, diagnostics }
}

/// The clauses of a rule, each at most once.
#[derive(Default)]
pub(super) struct Written<'r> {
    pub(super) name: Span,
    pub(super) when: Option<&'r Spanned<String>>,
    pub(super) where_: Option<(&'r super::ast::Side, Span)>,
    pub(super) good: Option<(&'r super::ast::Side, Span)>,
    pub(super) total: Option<(&'r super::ast::Side, Span)>,
    pub(super) aggregate: Option<(&'r super::ast::Aggregate, Span)>,
    pub(super) threshold: Option<&'r super::ast::Bound>,
    group_by: Vec<&'r Spanned<String>>,
    samples: Option<u32>,
    pub(super) breaker: Option<(&'r super::ast::Break, Span)>,
    consistent: Option<(&'r super::ast::Consistent, Span)>,
    objective: Option<(&'r super::ast::Objective, Span)>,
    impacted_by: Vec<Chaos>,
}

fn gather<'r>(rule: &'r Rule, said: &mut Vec<Diagnostic>) -> Written<'r> {
    let mut written = Written { name: rule.name.span, ..Written::default() };
    let mut seen: Vec<&Spanned<Clause>> = Vec::new();
    for clause in &rule.clauses {
        let same = |other: &&&Spanned<Clause>| {
            std::mem::discriminant(&other.value) == std::mem::discriminant(&clause.value)
        };
        let repeats = !matches!(clause.value, Clause::ImpactedBy(_));
        if let Some(first) = seen.iter().find(same).filter(|_| repeats) {
            let text = super::print::print_clause(&clause.value);
            let word = text.split_whitespace().next().unwrap_or_default();
            said.push(
                Diagnostic::new(TWICE, clause.span, format!("{word} is written twice"))
                    .other(first.span, "the first one")
                    .help("keep one, or make two rules"),
            );
            continue;
        }
        seen.push(clause);
        let span = clause.span;
        match &clause.value {
            Clause::When(metric) => written.when = Some(metric),
            Clause::Where(side) => written.where_ = Some((side, span)),
            Clause::Good(side) => written.good = Some((side, span)),
            Clause::Total(side) => written.total = Some((side, span)),
            Clause::Aggregate(aggregate) => written.aggregate = Some((aggregate, span)),
            Clause::Threshold(bound) => written.threshold = Some(bound),
            Clause::GroupBy(labels) => written.group_by = labels.iter().collect(),
            Clause::For(samples) => written.samples = Some(samples.value),
            Clause::Break(breaker) => written.breaker = Some((breaker, span)),
            Clause::Consistent(consistent) => written.consistent = Some((consistent, span)),
            Clause::Objective(objective) => written.objective = Some((objective, span)),
            Clause::ImpactedBy(all) => written.impacted_by.extend(all.iter().cloned()),
        }
    }
    written
}

fn agreement(rule: &Rule, facts: &Facts, said: &mut Vec<Diagnostic>) -> Option<Agreement> {
    let written = gather(rule, said);
    let (measure, bound) = measure(&written, said)?;
    fits(&written, &measure, said);
    let window = written.aggregate.and_then(|(a, _)| a.window);
    let over = written.breaker.map(|(b, _)| b.over);
    bounds::windows(window.into_iter().chain(over), facts, said);
    if let (Measure::Quantile { buckets, .. }, Some(bound)) = (&measure, &bound) {
        bounds::edges(&buckets.metric, bound, facts, said);
    }
    if let Some((_, span)) = written.consistent {
        let message = "the lag of a replica is not measured yet";
        let help = "the rule is checked, and its cells say ❔ until a probe measures it";
        said.push(Diagnostic::new(LAG_LATER, span, message).help(help));
    }
    let service = service(&measure);
    group_labels(&written, &measure, said);
    Some(Agreement {
        name: rule.name.value.clone(),
        span: rule.name.span,
        service,
        group_by: written.group_by.iter().map(|l| l.value.clone()).collect(),
        measure,
        bound,
        window_ms: window.or(over).map_or(WINDOW_MS, |w| w.as_millis()),
        samples: written.samples.unwrap_or(SAMPLES),
        breaker: written.breaker.and_then(|(b, _)| breaker(b, said)),
        consistency: written.consistent.map(|(c, _)| Consistency {
            within_ms: c.within.as_millis(),
            primary: c.primary.value.clone(),
            replica: c.replica.value.clone(),
        }),
        budget: written
            .objective
            .map(|(o, _)| Budget { target: o.target.as_f64(), over_ms: o.over.as_millis() }),
        impacted_by: written.impacted_by,
    })
}

fn measure(written: &Written<'_>, said: &mut Vec<Diagnostic>) -> Option<(Measure, Option<Limit>)> {
    let nothing_of_a_metric = written.when.is_none()
        && written.aggregate.is_none()
        && written.threshold.is_none()
        && written.breaker.is_none();
    if written.consistent.is_some() && nothing_of_a_metric {
        return Some((Measure::Lag, None));
    }
    let function = match written.aggregate {
        Some((aggregate, _)) => aggregate.function.value,
        None if written.good.is_some() || written.breaker.is_some() => Function::Ratio,
        None => {
            missing(written, "AGGREGATE", "AGGREGATE rate(5m), or p99(5m)", said);
            return None;
        }
    };
    if written.threshold.is_none() && written.breaker.is_none() {
        missing(written, "THRESHOLD", "THRESHOLD >= 99.5%, or <= 800ms", said);
        return None;
    }
    let events_a_second =
        matches!(written.threshold.map(|b| b.value.value), Some(crate::units::Quantity::Rate(_)));
    match function {
        Function::Ratio => split::share(written, said),
        Function::Rate if !events_a_second => split::share(written, said),
        Function::Quantile(share) => {
            let mut series = series(written, said)?;
            if !series.metric.ends_with("_bucket") {
                series.metric.push_str("_bucket");
            }
            let bound = bounds::of_quantile(written.threshold?, &series.metric, said)?;
            Some((Measure::Quantile { buckets: series, tau: share.as_f64() }, Some(bound)))
        }
        _ => {
            let series = series(written, said)?;
            let bound = bounds::of_value(written.threshold?, &series.metric);
            Some((Measure::Value { function, series }, Some(bound)))
        }
    }
}

/// The series of WHEN and WHERE.
pub(super) fn series(written: &Written<'_>, said: &mut Vec<Diagnostic>) -> Option<Selector> {
    let Some(metric) = written.when else {
        missing(written, "WHEN", "WHEN metric=\"http_requests_total\"", said);
        return None;
    };
    let matchers = written.where_.map(|(side, _)| &side.matchers).into_iter().flatten();
    let matchers = matchers.map(|m| m.value.clone()).collect();
    Some(Selector { metric: metric.value.clone(), matchers })
}

pub(super) fn missing(
    written: &Written<'_>,
    word: &str,
    example: &str,
    said: &mut Vec<Diagnostic>,
) {
    let message = format!("the rule has no {word}");
    said.push(Diagnostic::new(MISSING, written.name, message).help(format!("add {example}")));
}

/// Clauses that only a share of events can have.
fn fits(written: &Written<'_>, measure: &Measure, said: &mut Vec<Diagnostic>) {
    let share = matches!(measure, Measure::Share { .. });
    let events = share || matches!(measure, Measure::Quantile { .. });
    let mut refuse = |span: Span, what: &str, needs: &str| {
        said.push(Diagnostic::new(DOES_NOT_FIT, span, format!("{what} does not fit")).help(needs));
    };
    if let Some((_, span)) = written.breaker.filter(|_| !share) {
        refuse(span, "BREAK", "an error rate needs a share of events: AGGREGATE ratio(5m)");
    }
    if let Some((_, span)) = written.objective.filter(|_| !events) {
        refuse(span, "OBJECTIVE", "an error budget needs events: AGGREGATE ratio(5m) or p99(5m)");
    }
    for (side, word) in [(written.good, "GOOD"), (written.total, "TOTAL")] {
        if let Some((_, span)) = side.filter(|_| !share) {
            refuse(span, word, "only a share has a good part: AGGREGATE ratio(5m)");
        }
    }
}

fn breaker(written: &super::ast::Break, said: &mut Vec<Diagnostic>) -> Option<Breaker> {
    let opens_at = bounds::share(&written.bound, said)?;
    if matches!(written.bound.op.value, Op::Le | Op::Lt) {
        let message = "a breaker opens where the error rate is high";
        said.push(
            Diagnostic::new(DOES_NOT_FIT, written.bound.op.span, message)
                .help(format!(">= {}", written.bound.value.value)),
        );
        return None;
    }
    Some(Breaker {
        opens_at,
        strict: written.bound.op.value == Op::Gt,
        over_ms: written.over.as_millis(),
        decay_ms: written.decay.map(|d| d.as_millis()).filter(|ms| *ms > 0),
        recover: written.recover.map_or(RECOVER, |r| r.value),
    })
}

fn of_measure(measure: &Measure) -> Option<&Selector> {
    match measure {
        Measure::Share { whole, .. } => Some(whole),
        Measure::Quantile { buckets, .. } => Some(buckets),
        Measure::Value { series, .. } => Some(series),
        Measure::Lag => None,
    }
}

fn service(measure: &Measure) -> Option<String> {
    let matchers = &of_measure(measure)?.matchers;
    let equal = |label: &&str| {
        let named = |m: &&super::ast::Matcher| {
            m.name == **label && m.op == super::ast::MatchOp::Equal && !m.value.is_empty()
        };
        matchers.iter().find(named).map(|m| m.value.clone())
    };
    SERVICE_LABELS.iter().find_map(equal)
}

fn group_labels(written: &Written<'_>, measure: &Measure, said: &mut Vec<Diagnostic>) {
    let Some(selector) = of_measure(measure) else { return };
    for label in &written.group_by {
        let fixed =
            |m: &&super::ast::Matcher| m.name == label.value && m.op == super::ast::MatchOp::Equal;
        if let Some(matcher) = selector.matchers.iter().find(fixed) {
            let message = format!("{} is always {} here", label.value, matcher.value);
            let said_of = Diagnostic::new(GROUP_FIXED, label.span, message);
            said.push(said_of.help("group by a label that the conditions leave open"));
        }
    }
}
