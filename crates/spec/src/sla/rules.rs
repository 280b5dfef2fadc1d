//! Owns the rule file for a real Prometheus: recording rules for each window, alerts for a broken
//! bound and an open breaker, and multi-window burn-rate alerts for the long-term promise.

use super::agreement::{Agreement, Limit};
use super::print::length;
use super::promql;
use crate::units::{Duration, Op};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// How often the rules are evaluated; `FOR n samples` counts in it.
const INTERVAL_MS: u64 = 30_000;

/// One pair of windows of a burn-rate alert.
struct Burn {
    long_ms: u64,
    short_ms: u64,
    /// The share of the whole budget that is gone after the long window.
    spent: f64,
    severity: &'static str,
}

/// The pairs of the SRE Workbook, chapter 5: the short window only makes the alert stop soon.
const BURNS: [Burn; 4] = [
    Burn { long_ms: HOUR_MS, short_ms: 5 * MINUTE_MS, spent: 0.02, severity: "page" },
    Burn { long_ms: 6 * HOUR_MS, short_ms: 30 * MINUTE_MS, spent: 0.05, severity: "page" },
    Burn { long_ms: DAY_MS, short_ms: 2 * HOUR_MS, spent: 0.10, severity: "ticket" },
    Burn { long_ms: 3 * DAY_MS, short_ms: 6 * HOUR_MS, spent: 0.10, severity: "ticket" },
];

/// Writes a rule file.
pub fn rules(agreements: &[Agreement]) -> String {
    let mut out = String::from("groups:\n");
    for agreement in agreements {
        let rules = of_agreement(agreement);
        if rules.is_empty() {
            let name = agreement.name.replace(['\n', '\r'], " ");
            let _ = writeln!(out, "  # {name}: no query measures it");
            continue;
        }
        let name = promql::quoted(&format!("sla: {}", agreement.name));
        let interval = length(Duration::from_millis(INTERVAL_MS));
        let _ = writeln!(out, "  - name: {name}\n    interval: {interval}\n    rules:");
        rules.iter().for_each(|rule| out.push_str(rule));
    }
    // A file without a group must still be one.
    if !out.contains("- name:") {
        out = out.replacen("groups:\n", "groups: []\n", 1);
    }
    out
}

fn of_agreement(agreement: &Agreement) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(query) = promql::query(agreement) {
        all.push(record("sla:value", &query, agreement));
    }
    for window_ms in windows(agreement) {
        if let Some(query) = promql::bad_share(agreement, window_ms) {
            all.push(record(&bad_share_name(window_ms), &query, agreement));
        }
    }
    all.extend(violated(agreement));
    all.extend(breaker(agreement));
    all.extend(burns(agreement));
    all
}

/// Windows over which the share of bad events is recorded.
fn windows(agreement: &Agreement) -> BTreeSet<u64> {
    let mut windows = BTreeSet::new();
    windows.extend(agreement.breaker.map(|b| b.over_ms));
    for burn in usable(agreement) {
        windows.extend([burn.long_ms, burn.short_ms]);
    }
    windows
}

/// Pairs that say something for this promise: a window as long as the promise has no budget to
/// burn, and a rate of all events failing must be able to reach the limit.
fn usable(agreement: &Agreement) -> impl Iterator<Item = &'static Burn> {
    let budget = agreement.budget;
    BURNS.iter().filter(move |burn| {
        budget.is_some_and(|budget| {
            burn.long_ms < budget.over_ms
                && factor(burn, budget.over_ms) * (1.0 - budget.target) < 1.0
                && budget.target < 1.0
        })
    })
}

/// How many times faster than the promise allows the budget is spent.
fn factor(burn: &Burn, over_ms: u64) -> f64 {
    burn.spent * over_ms as f64 / burn.long_ms as f64
}

fn bad_share_name(window_ms: u64) -> String {
    format!("sla:bad_share:ratio_rate{}", promql::range(window_ms))
}

fn record(name: &str, query: &str, agreement: &Agreement) -> String {
    format!(
        "      - record: {name}\n        expr: {}\n        labels: {{sla: {}}}\n",
        promql::quoted(query),
        promql::quoted(&agreement.name)
    )
}

fn alert(
    name: &str,
    expr: &str,
    for_ms: u64,
    severity: &str,
    agreement: &Agreement,
    text: &str,
) -> String {
    let mut out = format!("      - alert: {name}\n        expr: {}\n", promql::quoted(expr));
    if for_ms > 0 {
        let _ = writeln!(out, "        for: {}", length(Duration::from_millis(for_ms)));
    }
    let sla = promql::quoted(&in_template(&agreement.name));
    let mut labels = format!("severity: {severity}, sla: {sla}");
    if let Some(service) = &agreement.service {
        let _ = write!(labels, ", service: {}", promql::quoted(&in_template(service)));
    }
    let _ = writeln!(out, "        labels: {{{labels}}}");
    let _ = writeln!(out, "        annotations: {{summary: {}}}", promql::quoted(text));
    out
}

/// A text in a template of Go, in which double braces would begin an action.
fn in_template(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

fn violated(agreement: &Agreement) -> Option<String> {
    let Limit { op, value, written, .. } = agreement.bound?;
    let opposite = match op {
        Op::Ge => "<",
        Op::Gt => "<=",
        Op::Le => ">",
        Op::Lt => ">=",
    };
    promql::query(agreement)?;
    let expr = format!("sla:value{{sla={}}} {opposite} {value}", promql::quoted(&agreement.name));
    let for_ms = u64::from(agreement.samples.saturating_sub(1)) * INTERVAL_MS;
    let name = in_template(&agreement.name);
    let text = format!("{name} is {{{{ $value }}}}, it must be {} {written}", op.sign());
    Some(alert("SLAViolated", &expr, for_ms, "page", agreement, &text))
}

fn breaker(agreement: &Agreement) -> Option<String> {
    let breaker = agreement.breaker?;
    let op = if breaker.strict { ">" } else { ">=" };
    let series =
        format!("{}{{sla={}}}", bad_share_name(breaker.over_ms), promql::quoted(&agreement.name));
    let expr = format!("{series} {op} {}", breaker.opens_at);
    let name = in_template(&agreement.name);
    let text = format!(
        "{name}: the error rate is {{{{ $value }}}}, the breaker opens at {}",
        breaker.opens_at
    );
    Some(alert("SLABreakerOpen", &expr, 0, "page", agreement, &text))
}

/// One alert a severity; either pair of windows raises it.
fn burns(agreement: &Agreement) -> Vec<String> {
    let Some(budget) = agreement.budget else { return Vec::new() };
    let sla = promql::quoted(&agreement.name);
    let mut all = Vec::new();
    for severity in ["page", "ticket"] {
        let pairs: Vec<String> = usable(agreement)
            .filter(|burn| burn.severity == severity)
            .map(|burn| {
                // Rounded to what a person can check; twelve digits are far beyond the data's.
                let limit = factor(burn, budget.over_ms) * (1.0 - budget.target);
                let limit = (limit * 1e12).round() / 1e12;
                let over =
                    |window_ms| format!("{}{{sla={sla}}} > {limit}", bad_share_name(window_ms));
                format!("({} and {})", over(burn.long_ms), over(burn.short_ms))
            })
            .collect();
        if pairs.is_empty() {
            continue;
        }
        let period = length(Duration::from_millis(budget.over_ms));
        let text = format!(
            "{} burns its error budget of {period} too fast: {{{{ $value }}}} of its events are bad",
            in_template(&agreement.name)
        );
        all.push(alert("SLABurnRate", &pairs.join(" or "), 0, severity, agreement, &text));
    }
    all
}
