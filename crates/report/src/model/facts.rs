//! What is known of a run besides its verdict: the fault in words, its cost, warnings, settings.

use super::series::Series;
use super::{e_limit, number};
use crate::read::Record;
use squall_wire::injection::Injection;
use squall_wire::record::{Event, Verdict};

pub(super) fn lead(record: &Record) -> String {
    let started = &record.started;
    let mut whats: Vec<String> = started.injections.iter().map(dose).collect();
    whats.dedup();
    if whats.is_empty() {
        return String::new();
    }
    let radius =
        if started.radius.is_empty() { String::new() } else { format!(" ({})", started.radius) };
    format!("With {}{radius}:", whats.join(" and "))
}

/// `http.delay on payment-1, jitter 500ms, mean 500ms`.
fn dose(injection: &Injection) -> String {
    let values: Vec<String> =
        injection.params.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let comma = if values.is_empty() { "" } else { ", " };
    format!("{} on {}{comma}{}", injection.fault, injection.target.name, values.join(", "))
}

pub(super) fn counts_events(record: &Record) -> bool {
    record.started.indicators.iter().any(|i| i.bad_share.is_some())
}

pub(super) fn budget(record: &Record, verdict: Option<&Verdict>) -> Option<String> {
    let verdict = verdict.filter(|_| counts_events(record))?;
    let counted = verdict.indicators.iter().filter_map(|i| i.total).max()?;
    let bad = number::plural(verdict.excess_bad, "bad event", "bad events");
    Some(format!("{bad} above what the bounds allow, n {}", number::count(counted)))
}

pub(super) fn warnings(record: &Record) -> Vec<String> {
    let warnings = record.lines.iter().filter_map(|line| match &line.event {
        Event::Warning { code, text } => Some(format!("{text} [{code}]")),
        _ => None,
    });
    warnings.collect()
}

pub(super) fn facts(record: &Record, series: &[Series]) -> Vec<(&'static str, String)> {
    let started = &record.started;
    let mechanisms = record.lines.iter().filter_map(|line| match &line.event {
        Event::Inject { mechanism, .. } => Some(mechanism.as_str()),
        _ => None,
    });
    let mut mechanisms: Vec<&str> = mechanisms.collect();
    mechanisms.dedup();
    let rule = match e_limit(started.literal, started.false_alarm) {
        None => format!("{} samples outside in a row, raw", started.consecutive),
        Some(limit) => format!(
            "{} anomalous samples in a row, or E of {}; false abort at most {} %",
            started.consecutive,
            number::evidence(limit),
            number::percent(started.false_alarm, None),
        ),
    };
    let samples = series.first().map_or(0, |s| s.points.len() as u64);
    let every = number::length(started.every_ms);
    let facts = [
        ("radius", started.radius.clone()),
        ("spared", started.spared.join(", ")),
        ("mechanism", mechanisms.join(", ")),
        ("dose", started.injections.iter().map(dose).collect::<Vec<_>>().join("; ")),
        ("signals", started.sources.join("; ")),
        ("samples", format!("{}, one every {every}", number::count(samples))),
        ("abort rule", rule),
        ("lease", number::length(started.lease_ms)),
        ("seed", started.seed.to_string()),
        ("host", started.host.clone()),
        ("squall", started.squall.clone()),
    ];
    facts.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}
