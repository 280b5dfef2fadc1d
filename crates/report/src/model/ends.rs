//! How a run ended: aborted, restored, recovered; what caused what; what a person must do.

use super::{Clock, Standing, Tone};
use crate::number;
use crate::read::Record;
use squall_wire::record::{Event, Phase, Verdict};

/// One line of how the run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// How it is shown.
    pub tone: Tone,
    /// `aborted`, `restored`, `recovered` and their opposites.
    pub label: &'static str,
    /// The rest of the line.
    pub text: String,
    /// The same in two parts, for pages: the headline and its detail.
    pub short: (String, String),
}

/// Something a person must do or know at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// `do this now`, `receipt`, `difference`.
    pub label: &'static str,
    /// The rest of the line.
    pub text: String,
    /// True where it is a command to type.
    pub command: bool,
}

/// Differences named among what a person must know at once; the page lists all.
const DIFFERENCES_MAX: usize = 8;

/// What became of the faults.
#[derive(Debug, Default)]
pub(super) struct Fate {
    pub(super) abort_s: Option<f64>,
    pub(super) abort_text: Option<String>,
    pub(super) fault_s: Option<(f64, f64)>,
    pub(super) injected: Vec<String>,
    pub(super) open: Vec<String>,
    pub(super) residue: Vec<String>,
    pub(super) advice: Vec<String>,
    pub(super) restored_us: Option<u64>,
    pub(super) by: Vec<String>,
    pub(super) equal: Option<(usize, usize)>,
}

pub(super) fn fate(record: &Record, clock: &Clock) -> Fate {
    let mut fate = Fate::default();
    let end = record.lines.last().map_or(0.0, |line| clock.seconds(line));
    let mut last_restore = None;
    let mut residues: Vec<(String, Vec<String>, Option<String>)> = Vec::new();
    for line in &record.lines {
        let t = clock.seconds(line);
        match &line.event {
            Event::Inject { injection, .. } => {
                fate.fault_s.get_or_insert((t, end));
                fate.injected.push(injection.clone());
                fate.open.push(injection.clone());
            }
            Event::Abort { text, .. } => {
                fate.abort_s.get_or_insert(t);
                fate.abort_text.get_or_insert_with(|| text.clone());
            }
            Event::Restore { injection, by, took_us, residue, advice } => {
                // A later try replaces what an earlier one left behind.
                residues.retain(|(id, ..)| id != injection);
                if residue.is_empty() {
                    fate.open.retain(|id| id != injection);
                } else {
                    residues.push((injection.clone(), residue.clone(), advice.clone()));
                }
                fate.restored_us = Some(fate.restored_us.unwrap_or(0).max(*took_us));
                if by != "engine" && !fate.by.contains(by) {
                    fate.by.push(by.clone());
                }
                last_restore = Some(t);
            }
            Event::Compared { equal, of, .. } => fate.equal = Some((*equal, *of)),
            _ => {}
        }
    }
    if let (Some(span), Some(t), true) = (&mut fate.fault_s, last_restore, fate.open.is_empty()) {
        span.1 = t.max(span.0);
    }
    for (_, residue, advice) in residues {
        fate.residue.extend(residue);
        fate.advice.extend(advice);
    }
    fate
}

pub(super) fn ends(record: &Record, verdict: Option<&Verdict>, fate: &Fate) -> Vec<End> {
    let mut ends = Vec::new();
    ends.extend(aborted(record, fate));
    ends.extend(restored(fate, verdict.is_some_and(|v| !v.restored)));
    ends.extend(recovered(record));
    ends
}

fn aborted(record: &Record, fate: &Fate) -> Option<End> {
    let (t, text) = (fate.abort_s?, fate.abort_text.clone()?);
    let when = match fate.fault_s {
        Some((from, _)) if t >= from => {
            format!("at {t:.2} s of {}", number::length(record.started.hold_ms))
        }
        _ => "before injection".into(),
    };
    let short = (format!("Aborted {when}"), text.clone());
    Some(End { tone: Tone::Aborted, label: "aborted", text: format!("{when}: {text}"), short })
}

fn restored(fate: &Fate, denied: bool) -> Option<End> {
    // The verdict may know more than the restores say, for example of a fact that appeared.
    if denied && fate.open.is_empty() {
        let text = "something is still there after every fault was undone".to_string();
        let short = ("Not restored".into(), text.clone());
        return Some(End {
            tone: Tone::Act,
            label: "restored",
            text: format!("no: {text}"),
            short,
        });
    }
    if fate.injected.is_empty() {
        let text = "nothing was injected".to_string();
        let short = ("Untouched".into(), text.clone());
        return Some(End { tone: Tone::Held, label: "untouched", text, short });
    }
    let left = fate.residue.len() as u64;
    if !fate.open.is_empty() {
        let open = fate.open.len() as u64;
        let text = if left > 0 {
            format!("{} of {} still there, residue {left}", open, fate.injected.len())
        } else {
            let text =
                format!("the record ends before {open} of {} was undone", fate.injected.len());
            let short = ("Restored: unknown".into(), text.clone());
            let text = format!("unknown: {text}");
            return Some(End { tone: Tone::Act, label: "restored", text, short });
        };
        let short = ("Not restored".into(), text.clone());
        return Some(End {
            tone: Tone::Act,
            label: "restored",
            text: format!("no: {text}"),
            short,
        });
    }
    let took = number::micros(fate.restored_us.unwrap_or(0));
    let by = match fate.by.is_empty() {
        true => String::new(),
        false => format!(" by the {}", fate.by.join(" and the ")),
    };
    let proof = match fate.equal {
        None => "residue 0, host fingerprint not compared".into(),
        Some((equal, of)) if equal == of => {
            format!("host fingerprint equal, {equal} of {of}, residue 0")
        }
        Some((equal, of)) => {
            format!("residue 0, host fingerprint equal in {equal} of {of} categories")
        }
    };
    let short = (format!("Restored in {took}{by}"), proof.clone());
    let text = format!("in {took}{by}: {proof}");
    Some(End { tone: Tone::Held, label: "restored", text, short })
}

fn recovered(record: &Record) -> Option<End> {
    let (mut inside, mut confirmed, mut said) = (None, None, None);
    for line in &record.lines {
        if let Event::Recover { inside_ms, confirmed_ms, text } = &line.event {
            inside = inside.or(*inside_ms);
            confirmed = confirmed.or(*confirmed_ms);
            said = Some(text.clone());
        }
    }
    let said = said?;
    let bounds = match record.started.indicators.len() {
        1 => "inside the bound".into(),
        2 => "inside both bounds".into(),
        n => format!("inside all {n} bounds"),
    };
    let allowed = number::length(record.started.recovery_ms);
    let after = |ms: u64| match ms as f64 / 1e3 {
        s if s < 1.0 => number::length(ms),
        s => format!("{s:.1} s"),
    };
    Some(match (inside, confirmed) {
        (inside, Some(confirmed)) => {
            let inside = after(inside.unwrap_or(confirmed));
            let short = (
                format!("Recovered in {}", after(confirmed)),
                format!("{bounds} after {inside}; {allowed} allowed"),
            );
            let confirmed = after(confirmed);
            let text =
                format!("{bounds} after {inside}, confirmed after {confirmed} ({allowed} allowed)");
            End { tone: Tone::Held, label: "recovered", text, short }
        }
        (Some(inside), None) => {
            let text = format!("{bounds} after {}, not confirmed in {allowed}", after(inside));
            let short = ("Recovery not confirmed".into(), text.clone());
            End { tone: Tone::Inconclusive, label: "recovered", text, short }
        }
        (None, None) => {
            let text = match said {
                said if said.is_empty() => format!("not {bounds} in {allowed}"),
                said => said,
            };
            let short = ("Not recovered".into(), text.clone());
            // Without a single value nobody knows whether it recovered.
            let seen = record.lines.iter().any(|line| match &line.event {
                Event::Sample(s) if s.phase == Phase::Recovering => {
                    s.readings.iter().any(|r| r.value.is_some())
                }
                _ => false,
            });
            let tone = if seen { Tone::Refuted } else { Tone::Inconclusive };
            End { tone, label: "recovered", text: format!("no: {text}"), short }
        }
    })
}

/// What differs, for a person: `bpf links: new: cgroup_inet4_connect /shop`.
pub(super) fn differences(record: &Record) -> Vec<String> {
    let compared = record.lines.iter().rev().find_map(|line| match &line.event {
        Event::Compared { differences, .. } => Some(differences),
        _ => None,
    });
    let all = compared.into_iter().flatten().map(|d| {
        let side = if d.appeared { "new" } else { "gone" };
        format!("{}: {side}: {}", d.category, d.fact)
    });
    all.collect()
}

pub(super) fn actions(
    record: &Record,
    verdict: Option<&Verdict>,
    standing: Standing,
    fate: &Fate,
) -> Vec<Action> {
    let act = |label, text, command| Action { label, text, command };
    let mut out = Vec::new();
    match standing {
        Standing::Judged(_) => return out,
        Standing::Interrupted if fate.open.is_empty() => return out,
        Standing::Interrupted => {
            let lease = number::length(record.started.lease_ms);
            out.push(act("do this now", "squall undo".into(), true));
            let text = format!("the agent ends the fault by itself when its lease of {lease} ends");
            out.push(act("lease", text, false));
        }
        Standing::NotRestored => {
            let said = verdict.map_or(&[][..], |v| &v.advice);
            let advice = if fate.advice.is_empty() { said } else { &fate.advice };
            let mut command = advice.join(", then: ");
            if !command.contains("squall undo") {
                let then = if command.is_empty() { "" } else { ", then: " };
                command = format!("{command}{then}squall undo");
            }
            out.push(act("do this now", command, true));
        }
    }
    for line in &record.lines {
        if let Event::Receipt { id, injection, .. } = &line.event
            && fate.open.contains(injection)
        {
            out.push(act("receipt", format!("{id}, kept until it is undone"), false));
        }
    }
    let shown = differences(record).into_iter().take(DIFFERENCES_MAX);
    out.extend(shown.map(|text| act("difference", text, false)));
    out
}
