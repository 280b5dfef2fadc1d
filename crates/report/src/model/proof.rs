//! Proof of restoration: the host before and after, and the way from decision to restored.

use crate::number;
use crate::read::Record;
use squall_wire::fingerprint::Fingerprint;
use squall_wire::record::{Event, When};
use std::collections::BTreeSet;

/// The host's state before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct Fingerprints {
    /// Categories that are equal.
    pub equal: usize,
    /// Categories that could be compared.
    pub of: usize,
    /// Every category that either side read or tried to read.
    pub categories: Vec<Category>,
    /// When the two were taken, in milliseconds since 1970.
    pub before_unix_ms: i64,
    /// Absent where the run did not live to take it.
    pub after_unix_ms: Option<i64>,
}

/// One category of facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Category {
    /// Its name.
    pub name: String,
    /// Facts before; absent where it could not be read.
    pub before: Option<usize>,
    /// Facts after.
    pub after: Option<usize>,
    /// True where both sides were read and hold the same facts.
    pub equal: bool,
    /// Facts that went away.
    pub gone: Vec<String>,
    /// Facts that came into being.
    pub new: Vec<String>,
    /// Why it could not be read.
    pub unread: Option<String>,
}

/// One step from the deciding sample to a restored host.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What was done.
    pub text: String,
    /// Who did it.
    pub by: String,
    /// When it began, in milliseconds from the first step.
    pub from_ms: f64,
    /// When it was done.
    pub to_ms: f64,
}

pub(super) fn fingerprints(record: &Record) -> Option<Fingerprints> {
    let find = |wanted: When| {
        record.lines.iter().rev().find_map(|line| match &line.event {
            Event::Fingerprint { when, fingerprint } if *when == wanted => {
                Some((line.at_unix_ms, fingerprint))
            }
            _ => None,
        })
    };
    let (before_unix_ms, before) = find(When::Before)?;
    let after = find(When::After);
    let empty = Fingerprint::default();
    let after_facts = after.map_or(&empty, |(_, f)| f);
    let (equal, of) = before.equal_categories(after_facts);
    let sides = [before, after_facts];
    let names: BTreeSet<&String> =
        sides.iter().flat_map(|f| f.facts.keys().chain(f.unread.keys())).collect();
    Some(Fingerprints {
        equal,
        of,
        categories: names.into_iter().map(|name| category(name, before, after_facts)).collect(),
        before_unix_ms,
        after_unix_ms: after.map(|(at, _)| at),
    })
}

fn category(name: &str, before: &Fingerprint, after: &Fingerprint) -> Category {
    let (b, a) = (before.facts.get(name), after.facts.get(name));
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    if let (Some(b), Some(a)) = (b, a) {
        gone = b.difference(a).cloned().collect();
        new = a.difference(b).cloned().collect();
    }
    Category {
        name: name.to_string(),
        before: b.map(BTreeSet::len),
        after: a.map(BTreeSet::len),
        equal: b.is_some() && b == a,
        gone,
        new,
        unread: before.unread.get(name).or(after.unread.get(name)).cloned(),
    }
}

/// Steps are placed by the engine's own measurements; the wall clock is only used for what no
/// event measures, the comparison of fingerprints.
pub(super) fn steps(record: &Record) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut ordered_ms = 0.0;
    let mut first_restore: Option<i64> = None;
    let mut done = 0.0_f64;
    for line in &record.lines {
        match &line.event {
            Event::Abort { decided_us: Some(us), .. } => {
                ordered_ms = *us as f64 / 1e3;
                let text = "Sample read, judged, order to restore given".into();
                steps.push(Step { text, by: "engine".into(), from_ms: 0.0, to_ms: ordered_ms });
            }
            Event::Restore { injection, by, took_us, residue, .. } => {
                let injection = record.started.injections.iter().find(|i| i.id == *injection);
                let what = injection
                    .map_or("fault".into(), |i| format!("{} on {}", i.fault, i.target.name));
                let verb = if residue.is_empty() { "undone, residue 0" } else { "not undone" };
                let to_ms = ordered_ms + *took_us as f64 / 1e3;
                let (text, by) = (format!("{what} {verb}"), by.clone());
                steps.push(Step { text, by, from_ms: ordered_ms, to_ms });
                let ordered_unix = line.at_unix_ms.saturating_sub((took_us / 1000) as i64);
                first_restore.get_or_insert(ordered_unix);
                done = done.max(to_ms);
            }
            Event::Compared { equal, of, .. } => {
                let Some(ordered_unix) = first_restore else { continue };
                let to_ms = ordered_ms + line.at_unix_ms.saturating_sub(ordered_unix) as f64;
                let text = format!(
                    "Host fingerprint taken and compared: {} of {} equal",
                    number::count(*equal as u64),
                    number::count(*of as u64)
                );
                let (by, to_ms) = ("engine".into(), to_ms.max(done));
                steps.push(Step { text, by, from_ms: done, to_ms });
            }
            _ => {}
        }
    }
    steps
}
