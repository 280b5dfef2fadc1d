//! Owns the PromQL backend: an agreement as queries that every Prometheus since 2.0 evaluates.

use super::agreement::{Agreement, Limit, Measure, Selector};
use super::ast::{Function, MatchOp};
use super::print::length;
use crate::units::{Duration, Op};

/// A label that `PromQL` takes without quotes.
fn plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Writes a text in double quotes with Go's escapes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes a selector, with further conditions.
pub(crate) fn selector(of: &Selector, more: &[(String, MatchOp, String)]) -> String {
    let plain = !of.metric.is_empty()
        && !of.metric.starts_with(|c: char| c.is_ascii_digit())
        && of.metric.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
    let name = |name: &str| if plain_name(name) { name.to_owned() } else { quoted(name) };
    let mut parts = Vec::new();
    if !plain {
        parts.push(format!("__name__={}", quoted(&of.metric)));
    }
    for matcher in &of.matchers {
        parts.push(format!(
            "{}{}{}",
            name(&matcher.name),
            matcher.op.sign(),
            quoted(&matcher.value)
        ));
    }
    for (label, op, value) in more {
        parts.push(format!("{}{}{}", name(label), op.sign(), quoted(value)));
    }
    let metric = if plain { of.metric.as_str() } else { "" };
    match parts.is_empty() {
        true => metric.to_owned(),
        false => format!("{metric}{{{}}}", parts.join(",")),
    }
}

/// Writes a range as every Prometheus reads it.
pub(crate) fn range(window_ms: u64) -> String {
    if window_ms.is_multiple_of(1000) && window_ms > 0 {
        return length(Duration::from_millis(window_ms));
    }
    format!("{window_ms}ms")
}

fn by(labels: &[String]) -> String {
    let quoted_name = |l: &String| if plain_name(l) { l.clone() } else { quoted(l) };
    match labels {
        [] => "sum".into(),
        _ => format!("sum by ({})", labels.iter().map(quoted_name).collect::<Vec<_>>().join(", ")),
    }
}

/// The measured value over the agreement's own window; none for a lag, which no query measures.
pub fn query(agreement: &Agreement) -> Option<String> {
    value(agreement, agreement.window_ms, &[])
}

/// The measured value of one group: `labels` fix the values of `GROUP BY`.
pub fn query_of_group(agreement: &Agreement, labels: &[(String, String)]) -> Option<String> {
    let ungrouped = Agreement { group_by: Vec::new(), ..agreement.clone() };
    let fixed: Vec<_> =
        labels.iter().map(|(k, v)| (k.clone(), MatchOp::Equal, v.clone())).collect();
    value(&ungrouped, agreement.window_ms, &fixed)
}

fn value(
    agreement: &Agreement,
    window_ms: u64,
    fixed: &[(String, MatchOp, String)],
) -> Option<String> {
    let groups = &agreement.group_by;
    let window = range(window_ms);
    match &agreement.measure {
        Measure::Share { part, whole, .. } => Some(share(groups, part, whole, &window, fixed)),
        Measure::Quantile { buckets, tau } => {
            let mut labels = vec!["le".to_owned()];
            labels.extend(groups.iter().cloned());
            let sum = by(&labels);
            let series = selector(buckets, fixed);
            Some(format!("histogram_quantile({tau}, {sum} (rate({series}[{window}])))"))
        }
        Measure::Value { function, series } => {
            let series = selector(series, fixed);
            let (outer, inner) = match function {
                Function::Avg => ("avg", "avg_over_time"),
                Function::Min => ("min", "min_over_time"),
                Function::Max => ("max", "max_over_time"),
                Function::Increase => ("sum", "increase"),
                Function::Rate | Function::Ratio | Function::Quantile(_) => ("sum", "rate"),
            };
            let space = if groups.is_empty() { "" } else { " " };
            let outer = by(groups).replacen("sum", outer, 1);
            Some(format!("{outer}{space}({inner}({series}[{window}]))"))
        }
        Measure::Lag => None,
    }
}

/// A share. A part that has no series yet counts as none, so that a service that only ever fails
/// is seen: without this the division would be empty, and nothing would compare with the bound.
fn share(
    groups: &[String],
    part: &Selector,
    whole: &Selector,
    window: &str,
    fixed: &[(String, MatchOp, String)],
) -> String {
    let sum = by(groups);
    let space = if groups.is_empty() { "" } else { " " };
    let part = format!("{sum}{space}(rate({}[{window}]))", selector(part, fixed));
    let whole = format!("{sum}{space}(rate({}[{window}]))", selector(whole, fixed));
    let none = match groups {
        [] => "vector(0)".to_owned(),
        _ => format!("0 * {whole}"),
    };
    format!("({part} or {none}) / {whole}")
}

/// The share of bad events over a window; none where no events are counted.
pub fn bad_share(agreement: &Agreement, window_ms: u64) -> Option<String> {
    match (&agreement.measure, agreement.bound) {
        (Measure::Share { part_is_good, .. }, _) => {
            let share = value(agreement, window_ms, &[])?;
            Some(if *part_is_good { format!("1 - {share}") } else { share })
        }
        (Measure::Quantile { buckets, .. }, Some(bound)) => {
            let base = buckets.metric.trim_end_matches("_bucket");
            let all =
                Selector { metric: format!("{base}_count"), matchers: buckets.matchers.clone() };
            let sum = by(&agreement.group_by);
            let space = if agreement.group_by.is_empty() { "" } else { " " };
            let window = range(window_ms);
            let inside = selector(buckets, &[edge(bound.value)]);
            let all = selector(&all, &[]);
            Some(format!(
                "1 - {sum}{space}(rate({inside}[{window}])) / {sum}{space}(rate({all}[{window}]))"
            ))
        }
        _ => None,
    }
}

/// The condition on `le`: Go's client writes `1`, others write `1.0`.
fn edge(value: f64) -> (String, MatchOp, String) {
    let text = value.to_string();
    if value.fract() == 0.0 {
        return ("le".into(), MatchOp::Regex, format!("{text}(\\.0)?"));
    }
    ("le".into(), MatchOp::Equal, text)
}

/// A query that returns something exactly where the bound is broken.
pub fn violation(agreement: &Agreement) -> Option<String> {
    let Limit { op, value, .. } = agreement.bound?;
    let opposite = match op {
        Op::Ge => "<",
        Op::Gt => "<=",
        Op::Le => ">",
        Op::Lt => ">=",
    };
    Some(format!("{} {opposite} {value}", query(agreement)?))
}

/// A query that returns something while the breaker is open, as far as `PromQL` can say it.
pub fn breaker(agreement: &Agreement) -> Option<String> {
    let breaker = agreement.breaker?;
    let op = if breaker.strict { ">" } else { ">=" };
    Some(format!("{} {op} {}", bad_share(agreement, breaker.over_ms)?, breaker.opens_at))
}

/// All queries of some agreements, for people and scripts: `#` lines say which is which.
pub fn page(agreements: &[Agreement]) -> String {
    let mut out = String::new();
    for agreement in agreements {
        let name = agreement.name.replace(['\n', '\r'], " ");
        if let (Some(query), Some(bound)) = (query(agreement), agreement.bound) {
            let bound = format!("{} {}", bound.op.sign(), bound.written);
            out.push_str(&format!("# {name}: must be {bound}\n{query}\n\n"));
        }
        if let (Some(query), Some(open)) = (breaker(agreement), agreement.breaker) {
            out.push_str(&format!("# {name}: the breaker is open where this returns something"));
            if open.decay_ms.is_some() {
                out.push_str(" (PromQL has no DECAY: all events of the window weigh the same)");
            }
            out.push_str(&format!("\n{query}\n\n"));
        }
        if agreement.consistency.is_some() {
            out.push_str(&format!(
                "# {name}: CONSISTENT is measured by a probe, not by a query\n\n"
            ));
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}
