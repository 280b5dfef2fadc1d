//! Owns the rows: an agreement for each of its groups, as an indicator that can be read.

use super::{Crowded, Row, Unit};
use crate::reading::Indicator as Judged;
use squall_query::indicator::{Bound, Indicator, Op};
use squall_query::{Labels, MatchOp, Matcher, Selector, Storage};
use squall_spec::sla::{self, Agreement, Limit, Measure, ast, promql};
use squall_spec::{Op as Written, Quantity};
use std::collections::BTreeSet;

/// Groups of one rule that are judged; more is a label that has no place in a GROUP BY.
pub const GROUPS_MAX: usize = 200;
/// Labels whose value is a service.
const SERVICE_LABELS: [&str; 7] =
    ["service", "service.name", "service_name", "target_service", "app", "application", "job"];

/// A row with what is needed to read it.
pub(super) struct Readable<'a> {
    pub(super) row: Row,
    pub(super) agreement: &'a Agreement,
    /// The query and its bound; none where no query measures the rule.
    pub(super) measure: Option<(Indicator, Bound)>,
    /// What its readings are measured against.
    pub(super) judged: Judged,
}

/// The series that an agreement needs.
pub(super) fn selectors_of(agreement: &Agreement) -> Vec<Selector> {
    let sides: Vec<&sla::Selector> = match &agreement.measure {
        Measure::Share { part, whole, .. } => vec![part, whole],
        Measure::Quantile { buckets, .. } => vec![buckets],
        Measure::Value { series, .. } => vec![series],
        Measure::Lag => Vec::new(),
    };
    sides.into_iter().filter_map(selector).collect()
}

fn selector(of: &sla::Selector) -> Option<Selector> {
    let mut selector = Selector::metric(&of.metric);
    for matcher in &of.matchers {
        let op = match matcher.op {
            ast::MatchOp::Equal => MatchOp::Equal,
            ast::MatchOp::NotEqual => MatchOp::NotEqual,
            ast::MatchOp::Regex => MatchOp::Regex,
            ast::MatchOp::NotRegex => MatchOp::NotRegex,
        };
        selector.matchers.push(Matcher::new(&matcher.name, op, &matcher.value).ok()?);
    }
    Some(selector)
}

/// All rows, by service, and what has more groups than are judged.
pub(super) fn rows<'a>(
    agreements: &'a [Agreement],
    storage: &dyn Storage,
    (from_ms, to_ms): (i64, i64),
) -> (Vec<Readable<'a>>, Vec<Crowded>) {
    let (mut all, mut crowded) = (Vec::new(), Vec::new());
    for (at, agreement) in agreements.iter().enumerate() {
        let groups = groups(agreement, storage, from_ms, to_ms);
        if groups.len() > GROUPS_MAX {
            crowded.push(Crowded { agreement: at, groups: groups.len() });
        }
        all.extend(groups.into_iter().take(GROUPS_MAX).map(|g| readable(agreement, at, g)));
    }
    all.sort_by(|a, b| {
        // Rules that name no service come last.
        let key =
            |r: &Readable<'_>| (r.row.service.is_empty(), r.row.service.clone(), r.row.agreement);
        key(a).cmp(&key(b))
    });
    (all, crowded)
}

type Group = Vec<(String, String)>;

/// The values of `GROUP BY` that there are; one group without values where there is none.
fn groups(agreement: &Agreement, storage: &dyn Storage, from_ms: i64, to_ms: i64) -> Vec<Group> {
    if agreement.group_by.is_empty() {
        return vec![Vec::new()];
    }
    // The whole tells the groups; of the part there may be no series yet.
    let whole = selectors_of(agreement).pop();
    let found = whole.map(|s| storage.select(&s, from_ms, to_ms)).unwrap_or_default();
    let of = |labels: &Labels| -> Group {
        agreement.group_by.iter().map(|l| (l.clone(), labels.get(l).to_owned())).collect()
    };
    let groups: BTreeSet<Group> = found.iter().map(|series| of(&series.labels)).collect();
    if groups.is_empty() {
        return vec![Vec::new()];
    }
    groups.into_iter().collect()
}

fn readable(agreement: &Agreement, at: usize, group: Group) -> Readable<'_> {
    let query = promql::query_of_group(agreement, &group);
    let bound = bound(agreement);
    let unit = unit(agreement);
    let compiled = query.as_deref().and_then(|query| Indicator::compile(query).ok());
    let measure = compiled.zip(bound);
    let named = group.iter().find(|(label, _)| SERVICE_LABELS.contains(&label.as_str()));
    let service = named.map(|(_, value)| value.clone()).or_else(|| agreement.service.clone());
    let share = measure.as_ref().and_then(|(indicator, bound)| indicator.bad_share(*bound));
    let limit = bound.unwrap_or(Bound { op: Op::AtLeast, value: f64::NEG_INFINITY });
    let judged = Judged {
        name: agreement.name.clone(),
        bound: limit.value,
        at_least: limit.op.wants_more(),
        strict: matches!(limit.op, Op::Above | Op::Below),
        bad_share: share,
        is_share: unit == Unit::Share && matches!(agreement.measure, Measure::Share { .. }),
    };
    let row = Row {
        service: service.unwrap_or_default(),
        rule: agreement.name.clone(),
        group,
        bound: in_words(agreement),
        limit: bound.map(|b| b.value),
        unit,
        query,
        sentence: sla::sentence(agreement),
        agreement: at,
    };
    Readable { row, agreement, measure, judged }
}

/// The bound of a row; a rule that has only a breaker is measured against the rate that opens it.
fn bound(agreement: &Agreement) -> Option<Bound> {
    if let Some(Limit { op, value, .. }) = agreement.bound {
        let op = match op {
            Written::Ge => Op::AtLeast,
            Written::Gt => Op::Above,
            Written::Le => Op::AtMost,
            Written::Lt => Op::Below,
        };
        return Some(Bound { op, value });
    }
    let breaker = agreement.breaker?;
    let Measure::Share { part_is_good, .. } = agreement.measure else { return None };
    Some(match part_is_good {
        true => Bound { op: Op::AtLeast, value: 1.0 - breaker.opens_at },
        false => Bound { op: Op::AtMost, value: breaker.opens_at },
    })
}

fn unit(agreement: &Agreement) -> Unit {
    match (&agreement.measure, agreement.bound.map(|b| b.written)) {
        (Measure::Share { .. }, _) | (_, Some(Quantity::Share(_))) => Unit::Share,
        // A bound in time on a metric in milliseconds is kept in the metric's own unit.
        (Measure::Quantile { buckets: of, .. } | Measure::Value { series: of, .. }, written) => {
            let seconds = of.metric.contains("_seconds")
                || (matches!(written, Some(Quantity::Duration(_))) && !of.metric.contains("_m"));
            if seconds && !of.metric.contains("_milliseconds") {
                Unit::Seconds
            } else {
                Unit::Number
            }
        }
        (Measure::Lag, _) => Unit::Seconds,
    }
}

fn in_words(agreement: &Agreement) -> String {
    let length = |ms| sla::length(squall_spec::Duration::from_millis(ms));
    let window = length(agreement.window_ms);
    let mut parts = Vec::new();
    if let Some(limit) = agreement.bound {
        let sign = match limit.op {
            Written::Ge => "≥",
            Written::Gt => ">",
            Written::Le => "≤",
            Written::Lt => "<",
        };
        let what = match agreement.measure {
            Measure::Quantile { tau, .. } => format!("p{} ", (tau * 1e7).round() / 1e5),
            _ => String::new(),
        };
        let written = limit.written.to_string().replace('%', " %");
        parts.push(format!("{what}{sign} {written} over {window}"));
    }
    if let Some(breaker) = agreement.breaker {
        let rate = (breaker.opens_at * 1e9).round() / 1e7;
        let sign = if breaker.strict { ">" } else { "≥" };
        parts.push(format!("breaks at {sign} {rate} % errors over {}", length(breaker.over_ms)));
    }
    if let Some(lag) = &agreement.consistency {
        parts.push(format!("lag within {}", length(lag.within_ms)));
    }
    parts.join(", ")
}
