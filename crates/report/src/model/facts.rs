//! What is known of a run besides its verdict: the fault in words, its cost, warnings, settings.

use super::series::Series;
use super::{e_limit, number};
use crate::read::{Links, Record};
use squall_wire::injection::Injection;
use squall_wire::record::{Event, Unit, Verdict};

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

pub(super) fn effects(verdict: &Verdict) -> Vec<String> {
    verdict.effects.iter().map(|effect| effect.text.clone()).collect()
}

/// What untouched instances show beside the disturbed ones.
pub(super) fn controls(verdict: &Verdict) -> Vec<String> {
    let text = |control: &squall_wire::record::ControlVerdict| match control.explains {
        Some(part) if control.worse => {
            format!("{}; explains {} % of the excess", control.text, number::percent(part, None))
        }
        _ => control.text.clone(),
    };
    verdict.controls.iter().map(text).collect()
}

pub(super) fn budget(record: &Record, verdict: Option<&Verdict>) -> Option<String> {
    let verdict = verdict.filter(|_| counts_events(record))?;
    let counted = verdict.indicators.iter().filter_map(|i| i.total).max()?;
    let bad = number::plural(verdict.excess_bad, "bad event", "bad events");
    Some(format!("{bad} above what the bounds allow, n {}", number::count(counted)))
}

/// What was burnt of the error budget while the faults were on, booked as chaos: the bad events
/// above what the baseline had anyway are the faults', the others would have been there without.
pub(super) fn burnt(record: &Record, verdict: Option<&Verdict>) -> Option<String> {
    let verdict = verdict.filter(|verdict| verdict.excess_bad > 0)?;
    let all = record.started.indicators.iter().zip(&verdict.indicators);
    let burnt = all.filter_map(|(indicator, verdict)| {
        let (allowed, bad, total) = (indicator.bad_share?, verdict.bad?, verdict.total?);
        let before = verdict.baseline.filter(|v| (0.0..=1.0).contains(v));
        let organic = match before.filter(|_| indicator.unit == Unit::Share)? {
            share if indicator.at_least => 1.0 - share,
            share => share,
        };
        let (budget, organic) = (allowed * total as f64, organic * total as f64);
        let chaos = (bad as f64 - organic).max(0.0);
        (budget > 0.0).then_some((&indicator.name, chaos, organic, budget))
    });
    let (name, chaos, organic, budget) =
        burnt.max_by(|a, b| (a.1 / a.3).total_cmp(&(b.1 / b.3)))?;
    Some(format!(
        "{} times what {name} may lose in this time as chaos, {} times organic",
        times(chaos / budget),
        times(organic / budget)
    ))
}

fn times(ratio: f64) -> String {
    if ratio >= 10.0 { number::count(ratio.round() as u64) } else { format!("{ratio:.1}") }
}

pub(super) fn warnings(record: &Record) -> Vec<String> {
    let warnings = record.lines.iter().filter_map(|line| match &line.event {
        Event::Warning { code, text } => Some(format!("{text} [{code}]")),
        _ => None,
    });
    broken_link(record).into_iter().chain(warnings).collect()
}

/// Said first: every other line of the report rests on the record.
fn broken_link(record: &Record) -> Option<String> {
    let Links::Broken(line) = record.links else { return None };
    Some(format!(
        "line {line} of the record does not follow from the line before it: the record was changed \
         after it was written, so what it says proves nothing [record]"
    ))
}

fn links(record: &Record) -> String {
    match &record.links {
        Links::Whole(last) => {
            let count = number::count(record.lines.len() as u64);
            format!("{count} linked lines, the last one's SHA-256 is {last}")
        }
        Links::Broken(line) => format!("changed at line {line} after it was written"),
        Links::Absent => String::new(),
    }
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
        ("record", links(record)),
    ];
    facts.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}
