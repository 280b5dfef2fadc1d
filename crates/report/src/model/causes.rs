//! What caused what: how far the data supports that each injection did the damage.

use super::log::Names;
use crate::number;
use crate::read::Record;
use squall_wire::injection::{Bite, Injection};
use squall_wire::record::{Event, Outcome, Verdict, Word};
use std::collections::BTreeSet;

/// How far the data supports that a fault did it. B needs a service map, which a run has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// At the same time.
    A,
    /// The fault was measured to act on its target.
    C,
    /// Its instances were worse than untouched ones at the same time, by enough of the excess.
    D,
    /// The indicator followed the random schedule on which it was switched.
    E,
}

/// The part of the excess from which a fault counts as its cause: that of the judge.
const EXPLAINS_MIN: f64 = 0.25;

/// One injection and what the data says of its part.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The fault.
    pub fault: String,
    /// The target.
    pub target: String,
    /// How far the data goes; absent where no indicator failed.
    pub rung: Option<Rung>,
    /// What the fault showed of its effect.
    pub effect: String,
}

impl Cause {
    /// `http.delay → payment-1, bit at the target (rung C): 517 of 517`.
    pub fn text(&self) -> String {
        let said = match self.rung {
            Some(Rung::E) => ", caused (rung E)",
            Some(Rung::D) => ", attributed (rung D)",
            Some(Rung::C) => ", bit at the target (rung C)",
            Some(Rung::A) => ", coincident (rung A)",
            None => "",
        };
        format!("{} → {}{said}: {}", self.fault, self.target, self.effect)
    }
}

pub(super) fn causes(record: &Record, verdict: Option<&Verdict>, names: &Names) -> Vec<Cause> {
    let failed = verdict.is_some_and(|v| {
        v.word == Word::Refuted && v.indicators.iter().any(|i| i.outcome == Outcome::Fail)
    });
    let injections = record.started.injections.iter();
    let alone = is_alone(record);
    let with_bite = injections.filter_map(|injection| {
        let bite = record.lines.iter().rev().find_map(|line| match &line.event {
            Event::Bite { injection: id, bite } if *id == injection.id => Some(bite),
            _ => None,
        })?;
        let caused = |v: &Verdict| v.effects.iter().any(|e| e.fault == injection.fault && e.caused);
        let rung = match verdict {
            Some(v) if caused(v) => Some(Rung::E),
            _ if !failed => None,
            Some(v) if bite.hits > 0 && alone && is_worse(v) => Some(Rung::D),
            _ if bite.hits > 0 => Some(Rung::C),
            _ => Some(Rung::A),
        };
        let (fault, target) = names.fault_and_target(&injection.id);
        Some(Cause { fault, target, rung, effect: effect(bite, injection) })
    });
    once(with_bite.collect())
}

/// A fault that was switched on several times is one cause, shown by its first time on.
fn once(all: Vec<Cause>) -> Vec<Cause> {
    let mut causes: Vec<(Cause, usize)> = Vec::new();
    for cause in all {
        let same = |known: &Cause| {
            (&known.fault, &known.target, known.rung) == (&cause.fault, &cause.target, cause.rung)
        };
        match causes.iter_mut().find(|(known, _)| same(known)) {
            Some((_, times)) => *times += 1,
            None => causes.push((cause, 1)),
        }
    }
    let said = |(cause, times): (Cause, usize)| match times {
        1 => cause,
        _ => Cause { effect: format!("on {times} times; the first: {}", cause.effect), ..cause },
    };
    causes.into_iter().map(said).collect()
}

/// Whether one fault alone was on: of several, untouched instances cannot say which it was.
fn is_alone(record: &Record) -> bool {
    let faults: BTreeSet<&str> =
        record.started.injections.iter().map(|i| i.fault.as_str()).collect();
    faults.len() == 1
}

/// Whether a failed indicator was worse on the disturbed instances, by enough of its excess.
fn is_worse(verdict: &Verdict) -> bool {
    let failed = |at: usize| verdict.indicators.get(at).is_some_and(|i| i.outcome == Outcome::Fail);
    let enough = |explains: Option<f64>| explains.is_some_and(|part| part >= EXPLAINS_MIN);
    verdict.controls.iter().any(|c| c.worse && failed(c.indicator) && enough(c.explains))
}

/// `517 of 517 hit, 498 ms delivered, 500 ms asked`.
fn effect(bite: &Bite, injection: &Injection) -> String {
    let mut parts = Vec::new();
    match (bite.hits, bite.seen) {
        // The fault's own words say how many it hit.
        (hits, _) if bite.detail.contains(&hits.to_string()) => parts.push(bite.detail.clone()),
        (0, 0) => parts.push("nothing seen to act on".to_string()),
        (hits, seen) => {
            parts.push(format!("{} of {} hit", number::count(hits), number::count(seen)));
        }
    }
    if let (Some(asked), Some(delivered)) = (bite.asked, bite.delivered) {
        let unit = match injection.unit_of(asked) {
            none if none.is_empty() => none,
            unit => format!(" {unit}"),
        };
        let (delivered, asked) = (number::plain(delivered), number::plain(asked));
        parts.push(format!("{delivered}{unit} delivered, {asked}{unit} asked"));
    }
    if !bite.detail.is_empty() && parts.first() != Some(&bite.detail) {
        parts.push(bite.detail.clone());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_was_on_several_times_is_one_cause() {
        let cause = |target: &str, effect: &str| Cause {
            fault: "http.delay".into(),
            target: target.into(),
            rung: Some(Rung::E),
            effect: effect.into(),
        };
        let all = vec![cause("a", "5 of 5"), cause("b", "1 of 1"), cause("a", "4 of 5")];
        let texts: Vec<String> = once(all).iter().map(Cause::text).collect();
        assert_eq!(
            texts,
            [
                "http.delay → a, caused (rung E): on 2 times; the first: 5 of 5",
                "http.delay → b, caused (rung E): 1 of 1",
            ]
        );
    }
}
