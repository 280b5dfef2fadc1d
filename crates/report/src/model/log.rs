//! An event in words: the live lines and the log of a report are the same text.

use super::{Clock, Tone, word_text, word_tone};
use crate::number;
use crate::read::Record;
use squall_wire::ending::Ending;
use squall_wire::record::{Event, Line, Phase, Started, When};
use std::collections::BTreeMap;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Seconds on the run's clock.
    pub t_s: f64,
    /// One word: `plan`, `receipt`, `strike` and so on.
    pub kind: &'static str,
    /// How it is shown.
    pub tone: Tone,
    /// One line.
    pub text: String,
}

/// What the start of a run said, as later lines need it.
#[derive(Debug, Clone, Default)]
pub struct Names {
    injections: BTreeMap<String, (String, String, String)>,
    baseline_samples: u64,
    radius: String,
    hold: String,
    lease: String,
}

impl Names {
    /// Takes the names from a run's first event.
    pub fn of(started: &Started) -> Names {
        let injections = started.injections.iter().map(|i| {
            let values: Vec<String> = i.params.iter().map(|(k, v)| format!("{k} {v}")).collect();
            (i.id.clone(), (i.fault.clone(), i.target.name.clone(), values.join(", ")))
        });
        Names {
            injections: injections.collect(),
            baseline_samples: started.baseline_ms / started.every_ms.max(1),
            radius: started.radius.clone(),
            hold: number::length(started.hold_ms),
            lease: number::length(started.lease_ms),
        }
    }

    /// Fault and target of an injection; its id where the record names no such injection.
    pub fn fault_and_target(&self, injection: &str) -> (String, String) {
        match self.injections.get(injection) {
            Some((fault, target, _)) => (fault.clone(), target.clone()),
            None => (injection.to_string(), "?".into()),
        }
    }

    /// `http.delay jitter 500ms, mean 500ms on payment-1`.
    fn injection(&self, id: &str) -> String {
        match self.injections.get(id) {
            Some((fault, target, dose)) if dose.is_empty() => format!("{fault} on {target}"),
            Some((fault, target, dose)) => format!("{fault} {dose} on {target}"),
            None => id.to_string(),
        }
    }
}

pub(super) fn entries(record: &Record, clock: &Clock, names: &Names) -> Vec<Entry> {
    let entry = |line: &Line| {
        let (kind, tone, text) = describe(&line.event, names)?;
        Some(Entry { t_s: clock.seconds(line), kind, tone, text })
    };
    record.lines.iter().filter_map(entry).collect()
}

/// Kind, look and text of an event; nothing for events that are data rather than news.
pub fn describe(event: &Event, names: &Names) -> Option<(&'static str, Tone, String)> {
    let line = match event {
        Event::Started(_) => {
            ("plan", Tone::Plain, format!("{}, at most {}", names.radius, names.hold))
        }
        Event::Phase(Phase::Baseline) => {
            let samples = number::plural(names.baseline_samples, "sample", "samples");
            ("baseline", Tone::Plain, samples)
        }
        Event::Phase(_) | Event::Sample(_) | Event::Fingerprint { .. } => return None,
        Event::Check(check) => {
            let tone = if check.met { Tone::Plain } else { Tone::Refuted };
            let when = if check.when == When::After { "after: " } else { "" };
            ("check", tone, format!("{when}{}", check.lines.join(", ")))
        }
        Event::Receipt { id, took_us, .. } => {
            let took = number::micros(*took_us);
            ("receipt", Tone::Plain, format!("{id} written and synced in {took}"))
        }
        Event::Inject { injection, took_us, .. } => {
            let (what, took) = (names.injection(injection), number::micros(*took_us));
            let text = format!("{what} in {took}, lease {}", names.lease);
            ("inject", Tone::Inject, text)
        }
        Event::Bite { injection, bite } => {
            let (fault, target) = names.fault_and_target(injection);
            let (hits, seen) = (number::count(bite.hits), number::count(bite.seen));
            let counted = match bite.detail.as_str() {
                "" => format!("{hits} of {seen} hit"),
                // The fault's own words say how many it hit.
                detail if detail.contains(&bite.hits.to_string()) => detail.to_owned(),
                detail => format!("{hits} of {seen} hit, {detail}"),
            };
            ("bite", Tone::Inject, format!("{fault} on {target}: {counted}"))
        }
        // A toggled run goes on while it hurts.
        Event::Strike { count, of, text, .. } if count > of => {
            ("strike", Tone::Refuted, format!("{count} by now: {text}"))
        }
        Event::Strike { count, of, text, .. } => {
            ("strike", Tone::Refuted, format!("{count} of {of}: {text}"))
        }
        Event::Abort { text, .. } => ("abort", Tone::Aborted, text.clone()),
        Event::Restore { injection, by, took_us, residue, advice } => {
            restore(names, injection, by, *took_us, residue, advice.as_deref())
        }
        Event::Compared { equal, of, differences } => compared(*equal, *of, differences.len()),
        Event::Recover { confirmed_ms, text, .. } => {
            let tone = if confirmed_ms.is_some() { Tone::Held } else { Tone::Plain };
            ("recover", tone, text.clone())
        }
        Event::Endings { phase, endings } => endings_line(*phase, endings),
        Event::Warning { code, text } => {
            ("warning", Tone::Inconclusive, format!("{text} [{code}]"))
        }
        Event::Verdict(verdict) => {
            let text = format!("{}: {}", word_text(verdict.word), verdict.sentence);
            ("verdict", word_tone(verdict.word), text)
        }
    };
    Some(line)
}

/// `holding: 304 with 200 in 52 ms, 12 with 504 in 500 ms`.
fn endings_line(phase: Phase, endings: &[Ending]) -> (&'static str, Tone, String) {
    let one = |ending: &Ending| {
        let how = ending.code.map_or_else(|| ending.outcome.clone(), |code| code.to_string());
        let half = number::seconds(ending.p50_ms / 1e3);
        format!("{} with {how} in {half}", number::count(ending.count))
    };
    let shown: Vec<String> = endings.iter().take(4).map(one).collect();
    let phase = if phase == Phase::Baseline { "baseline" } else { "during the fault" };
    ("requests", Tone::Plain, format!("{phase}: {}", shown.join(", ")))
}

fn restore(
    names: &Names,
    injection: &str,
    by: &str,
    took_us: u64,
    residue: &[String],
    advice: Option<&str>,
) -> (&'static str, Tone, String) {
    let (fault, target) = names.fault_and_target(injection);
    let by = if by == "engine" { String::new() } else { format!(" by the {by}") };
    if residue.is_empty() {
        let took = number::micros(took_us);
        let text = format!("{fault} on {target} undone in {took}{by}, residue 0");
        return ("restore", Tone::Held, text);
    }
    let advice = advice.map_or(String::new(), |a| format!("; do this now: {a}"));
    let text = format!("{fault} on {target} is not restored: {}{advice}", residue.join("; "));
    ("restore", Tone::Act, text)
}

fn compared(equal: usize, of: usize, differences: usize) -> (&'static str, Tone, String) {
    if equal == of {
        return ("restore", Tone::Held, format!("host fingerprint equal, {equal} of {of}"));
    }
    let facts = number::plural(differences as u64, "fact differs", "facts differ");
    let text = format!("host fingerprint equal in {equal} of {of} categories, {facts}");
    ("restore", Tone::Inconclusive, text)
}
