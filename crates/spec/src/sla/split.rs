//! Owns the split of a share into its part and its whole. Guesses nothing: where two readings are
//! possible, both are shown.

use super::agreement::{Limit, Measure, Selector};
use super::ast::{MatchOp, Matcher, Side};
use super::bounds;
use super::check::{MISSING, Written, series};
use super::text::quote_raw;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::spanned::Spanned;
use crate::units::Op;

pub(super) const RATE_AND_SHARE: Code = Code::error("S521");
pub(super) const AMBIGUOUS: Code = Code::error("S522");
pub(super) const DIRECTION: Code = Code::warning("S527");

/// Labels that say how a request ended, in the conventions of Prometheus clients, OpenTelemetry,
/// gRPC and the usual frameworks.
const OUTCOMES: [&str; 20] = [
    "code",
    "error",
    "error_type",
    "exception",
    "failed",
    "grpc_code",
    "grpc_status",
    "http_response_status_code",
    "http_status",
    "http_status_code",
    "ok",
    "outcome",
    "response_code",
    "result",
    "rpc_grpc_status_code",
    "status",
    "status_class",
    "status_code",
    "statuscode",
    "success",
];

/// Labels that say where a request was served or what it asked for, never how it ended.
const IDENTITIES: [&str; 20] = [
    "app",
    "cluster",
    "container",
    "endpoint",
    "env",
    "handler",
    "host",
    "instance",
    "job",
    "le",
    "method",
    "namespace",
    "operation",
    "path",
    "pod",
    "region",
    "route",
    "service",
    "uri",
    "zone",
];

/// Splits a rule's share.
pub(super) fn share(
    written: &Written<'_>,
    said: &mut Vec<Diagnostic>,
) -> Option<(Measure, Option<Limit>)> {
    let bound = match written.threshold {
        Some(threshold) => Some(bounds::of_share(threshold, said)?),
        None => None,
    };
    let wants_more = bound.map(|b| matches!(b.op, Op::Ge | Op::Gt));
    if let Some((good, _)) = written.good {
        let (part, whole) = outright(written, good, said)?;
        if wants_more == Some(false) {
            let threshold = written.threshold?;
            let message = "this asks for few good events";
            said.push(
                Diagnostic::new(DIRECTION, threshold.op.span, message)
                    .help(format!(">= {}", threshold.value.value)),
            );
        }
        return Some((Measure::Share { part, whole, part_is_good: true }, bound));
    }
    if let Some((_, span)) = written.total {
        let message = "TOTAL stands without GOOD";
        said.push(Diagnostic::new(MISSING, span, message).help("add GOOD \"{status!~'5..'}\""));
        return None;
    }
    let part = series(written, said)?;
    let outcome = outcome(written, said)?;
    let whole = Selector {
        metric: part.metric.clone(),
        matchers: part.matchers.iter().filter(|m| m.name != outcome.name).cloned().collect(),
    };
    let looks = looks_good(&outcome.value);
    let part_is_good = match (wants_more, looks) {
        (Some(wants_more), _) => wants_more,
        (None, Some(good)) => good,
        (None, None) => {
            ambiguous_outcome(written, &outcome, said);
            return None;
        }
    };
    if let Some(threshold) = written.threshold.filter(|_| looks == Some(!part_is_good)) {
        let most = if part_is_good { "most requests to fail" } else { "few requests to succeed" };
        let turned = if part_is_good { "<=" } else { ">=" };
        let message = format!("this asks for {most}");
        said.push(
            Diagnostic::new(DIRECTION, threshold.op.span, message)
                .other(outcome.span, "the outcome that is counted")
                .help(format!("write THRESHOLD {turned} …, or turn the condition round")),
        );
    }
    Some((Measure::Share { part, whole, part_is_good }, bound))
}

fn outright(
    written: &Written<'_>,
    good: &Side,
    said: &mut Vec<Diagnostic>,
) -> Option<(Selector, Selector)> {
    let shared = written.where_.map(|(side, _)| side.matchers.as_slice()).unwrap_or_default();
    let total = written.total.map(|(side, _)| side);
    let metric_of = |side: Option<&Side>| {
        let own = side.and_then(|side| side.metric.as_ref());
        own.or(written.when).map(|metric| metric.value.clone())
    };
    let (Some(good_metric), Some(total_metric)) = (metric_of(Some(good)), metric_of(total)) else {
        super::check::missing(written, "WHEN", "WHEN metric=\"http_requests_total\"", said);
        return None;
    };
    let total_matchers = total.map(|side| side.matchers.as_slice()).unwrap_or_default();
    let list = |all: &[&[Spanned<Matcher>]]| {
        let mut list: Vec<Matcher> = Vec::new();
        for matcher in all.iter().copied().flatten() {
            if !list.contains(&matcher.value) {
                list.push(matcher.value.clone());
            }
        }
        list
    };
    // Of one metric, what is good is always among all.
    let of_total = if good_metric == total_metric { total_matchers } else { &[] };
    let part =
        Selector { metric: good_metric, matchers: list(&[shared, of_total, &good.matchers]) };
    let whole = Selector { metric: total_metric, matchers: list(&[shared, total_matchers]) };
    if part == whole {
        let message = "GOOD and TOTAL count the same events";
        said.push(
            Diagnostic::new(AMBIGUOUS, good.place.0, message)
                .help("GOOD needs a condition that TOTAL does not have"),
        );
        return None;
    }
    Some((part, whole))
}

/// The condition of WHERE that says how a request ended.
fn outcome(written: &Written<'_>, said: &mut Vec<Diagnostic>) -> Option<Spanned<Matcher>> {
    let (matchers, span) = match written.where_ {
        Some((side, span)) => (side.matchers.as_slice(), span),
        None => (&[][..], written.aggregate.map_or(written.name, |(_, span)| span)),
    };
    let is = |list: &[&str], m: &Matcher| {
        list.contains(&m.name.to_lowercase().replace(['.', '-'], "_").as_str())
    };
    let mut named: Vec<&Spanned<Matcher>> = Vec::new();
    for matcher in matchers.iter().filter(|m| is(&OUTCOMES, &m.value)) {
        // Two conditions on one label are one outcome.
        if named.iter().all(|other| other.name != matcher.name) {
            named.push(matcher);
        }
    }
    match named.as_slice() {
        [one] => return Some((*one).clone()),
        [] => {}
        [.., last] => {
            let all: Vec<&str> = named.iter().map(|m| m.name.as_str()).collect();
            ambiguous(written, matchers, &[&all, &[last.name.as_str()]], span, said);
            return None;
        }
    }
    let candidates: Vec<&str> = (matchers.iter())
        .filter(|m| !is(&IDENTITIES, &m.value) && m.op != MatchOp::Equal)
        .map(|m| m.name.as_str())
        .collect();
    match candidates.as_slice() {
        [] => rate_and_share(written, span, said),
        [one] => ambiguous(written, matchers, &[&[*one], &[]], span, said),
        [first, second, ..] => ambiguous(written, matchers, &[&[*first], &[*second]], span, said),
    }
    None
}

fn rate_and_share(written: &Written<'_>, span: Span, said: &mut Vec<Diagnostic>) {
    let at = written.threshold.map_or(span, |t| t.value.span);
    let shown = written.threshold.map_or(String::new(), |t| t.value.value.to_string());
    let message = if shown.is_empty() {
        "an error rate needs to know which events are errors".to_owned()
    } else {
        format!("events a second are compared with the share {shown}")
    };
    said.push(
        Diagnostic::new(RATE_AND_SHARE, at, message)
            .label("a share of what?")
            .other(span, "no condition here says how a request ended")
            .help(
                "for a share add a condition on the outcome, such as status!~'5..', or GOOD and \
                 TOTAL; for events a second write 200/s",
            ),
    );
}

/// Shows two readings, each the labels that would tell good from bad.
fn ambiguous(
    written: &Written<'_>,
    matchers: &[Spanned<Matcher>],
    readings: &[&[&str]; 2],
    span: Span,
    said: &mut Vec<Diagnostic>,
) {
    let metric = written.when.map_or("", |m| m.value.as_str());
    let side = |keep: &dyn Fn(&Matcher) -> bool| {
        let kept: Vec<_> = matchers.iter().filter(|m| keep(&m.value)).cloned().collect();
        super::matchers::print(&kept)
    };
    let all = side(&|_| true);
    let whole = |labels: &[&str]| side(&|m| !labels.contains(&m.name.as_str()));
    let reading = |labels: &[&str]| match labels {
        [] => format!("events of {metric}{all} a second, which have no share"),
        _ => format!("the share of {metric}{all} among {metric}{}", whole(labels)),
    };
    let labels = readings[0];
    let good = side(&|m| labels.contains(&m.name.as_str()));
    let mut said_of = Diagnostic::new(AMBIGUOUS, span, "two readings are possible");
    for label in readings.iter().copied().flatten() {
        let found = matchers.iter().find(|m| m.name == **label);
        let known = |span| said_of.others.iter().any(|(other, _)| *other == span);
        if let Some(matcher) = found.filter(|m| !known(m.span)) {
            said_of = said_of.other(matcher.span, "does this say how a request ended?");
        }
    }
    said.push(
        said_of
            .label("which condition tells good from bad?")
            .note(format!("reading 1: {}; reading 2: {}", reading(labels), reading(readings[1])))
            .help(format!(
                "say it outright; for reading 1: GOOD {} TOTAL {}",
                quote_raw(&good),
                quote_raw(&whole(labels))
            )),
    );
}

fn ambiguous_outcome(
    written: &Written<'_>,
    outcome: &Spanned<Matcher>,
    said: &mut Vec<Diagnostic>,
) {
    let metric = written.when.map_or("", |m| m.value.as_str());
    let shown = format!("{}{}'{}'", outcome.name, outcome.op.sign(), outcome.value.value);
    said.push(
        Diagnostic::new(AMBIGUOUS, outcome.span, "two readings are possible")
            .label("are these the good or the bad events?")
            .note(format!(
                "reading 1: {metric} with {shown} is good; reading 2: {metric} with {shown} is bad"
            ))
            .help("say it outright with GOOD and TOTAL, or with a THRESHOLD"),
    );
}

/// Guesses only to warn: whether the events that meet a condition are good.
fn looks_good(matcher: &Matcher) -> Option<bool> {
    let value = matcher.value.to_lowercase();
    let positive = !matcher.op.is_negative();
    let starts = |list: &[&str]| list.iter().any(|start| value.starts_with(start));
    let bad_label = matches!(matcher.name.as_str(), "error" | "failed" | "exception");
    if starts(&["5", "4", "err", "fail", "timeout", "[45]", "(4|5)", "(5"]) {
        return Some(!positive);
    }
    match value.as_str() {
        "true" | "1" => return Some(positive != bad_label),
        "false" | "0" if !matcher.name.contains("grpc") => return Some(positive == bad_label),
        _ => {}
    }
    if starts(&["2", "ok", "succ", "(2"]) || (value == "0" && matcher.name.contains("grpc")) {
        return Some(positive);
    }
    None
}
