//! Owns the question who broke a rule, put to attribution with what the matrix knows.

use super::judge::{self, Judged};
use super::rows::Readable;
use super::timeline;
use super::{Injection, Input, Unit};
use crate::attribution::{
    Attribution, Case, Conclusion, Episode, Injection as Declared, Measure, Point, Service,
    Settings, Signal, Tag, attribute,
};
use squall_spec::sla::names_fault;
use std::collections::BTreeMap;

/// Rows whose series are looked at as signs of their services.
const SIGNALS_MAX: usize = 100;

/// Who broke a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Blame {
    /// Injections that the rule's `IMPACTED_BY` allows and the data does not rule out.
    pub tags: Vec<Tag>,
    /// Injections that the data does not rule out and `IMPACTED_BY` does not name.
    pub undeclared: Vec<Tag>,
    /// Injections that the data rules out.
    pub ruled_out: Vec<Tag>,
    /// The conclusion in one line.
    pub text: String,
}

/// Asks who broke a row under an injection.
pub(super) fn blame(
    row: &Readable<'_>,
    rows: &[Readable<'_>],
    injection: &Injection,
    judged: &Judged,
    input: &Input<'_>,
) -> Option<Blame> {
    let (from_ms, to_ms) = judged.episode?;
    let span = judge::span(injection, input);
    let point = |(at_ms, value): &(i64, Option<f64>)| Point { at_ms: *at_ms, value: *value };
    let episode = Episode {
        rule: row.row.rule.clone(),
        service: row.row.service.clone(),
        measure: measure(row),
        from_ms,
        to_ms,
        excess: judged.excess.iter().map(point).collect(),
    };
    let near = |other: &&Injection| {
        other.from_ms <= span.after_ms && other.to_ms.unwrap_or(input.now_ms) >= span.before_ms
    };
    let case = Case {
        every_ms: input.every_ms,
        episodes: vec![episode],
        injections: input.injections.iter().filter(near).map(|i| declared(i, input)).collect(),
        map: input.map.clone(),
        services: services(rows, input, (span.before_ms, span.after_ms)),
        toggling: None,
    };
    let answer = attribute(&case, &Settings::default()).pop()?;
    let said = Said {
        most: 1,
        tag: &|tag| said(tag, input),
        nobody: "no declared fault did it".into(),
        uses: &|id| vec![id.to_owned()],
    };
    Some(of(answer, row, input, &said))
}

/// How an answer is told.
pub(super) struct Said<'s> {
    /// How many tags are told, the strongest first.
    pub(super) most: usize,
    /// A tag in words.
    pub(super) tag: &'s dyn Fn(&Tag) -> String,
    /// What is said where no fault is left.
    pub(super) nobody: String,
    /// The injections that a tag stands for.
    pub(super) uses: &'s dyn Fn(&str) -> Vec<String>,
}

/// Parts an answer's tags by what the rule's `IMPACTED_BY` names, and tells it.
pub(super) fn of(
    answer: Attribution,
    row: &Readable<'_>,
    input: &Input<'_>,
    said: &Said<'_>,
) -> Blame {
    let all = &row.agreement.impacted_by;
    let is_named =
        |i: &Injection| all.iter().any(|chaos| names_fault(chaos, &[&i.fault, &i.said], &i.about));
    let allowed = |tag: &Tag| {
        let uses = (said.uses)(&tag.injection);
        all.is_empty() || input.injections.iter().any(|i| uses.contains(&i.id) && is_named(i))
    };
    let (tags, undeclared): (Vec<Tag>, Vec<Tag>) = answer.tags.into_iter().partition(allowed);
    let text = match &answer.conclusion {
        Conclusion::Organic => said.nobody.clone(),
        Conclusion::Undecidable(why) => format!("the data does not say who: {why}"),
        Conclusion::Injected => match (tags.first(), undeclared.first()) {
            (Some(_), _) => {
                let told: Vec<String> = tags.iter().take(said.most).map(said.tag).collect();
                told.join(", and ")
            }
            (None, Some(tag)) => format!("{}; IMPACTED_BY does not name it", (said.tag)(tag)),
            (None, None) => said.nobody.clone(),
        },
    };
    Blame { tags, undeclared, ruled_out: answer.ruled_out, text }
}

/// What a row measures.
pub(super) fn measure(row: &Readable<'_>) -> Measure {
    match (row.row.unit, row.judged.is_share) {
        (_, true) => Measure::Errors,
        (Unit::Seconds, _) => Measure::Latency,
        _ => Measure::Other,
    }
}

pub(super) fn said(tag: &Tag, input: &Input<'_>) -> String {
    let found = input.injections.iter().find(|i| i.id == tag.injection);
    let name = found.map_or(tag.injection.clone(), |i| match i.target.is_empty() {
        true => i.fault.clone(),
        false => format!("{} → {}", i.fault, i.target),
    });
    format!("{name}: {}, rung {}", tag.word, tag.rung.letter())
}

pub(super) fn declared(injection: &Injection, input: &Input<'_>) -> Declared {
    let instance = injection.about.get("instance").or_else(|| injection.about.get("names"));
    let instances = instance.map(|all| all.split(',').map(|one| one.trim().to_owned()).collect());
    Declared {
        id: injection.id.clone(),
        fault: injection.fault.clone(),
        services: injection.service.iter().cloned().collect(),
        instances: instances.unwrap_or_default(),
        from_ms: injection.from_ms,
        to_ms: injection.to_ms.unwrap_or(input.now_ms),
        bitten: injection.bitten,
        disturbs: disturbs(&injection.fault),
        dose: injection.dose,
    }
}

/// What a fault disturbs first, by the last word of its name.
fn disturbs(fault: &str) -> Option<Measure> {
    let (family, kind) = fault.split_once('.')?;
    match (family, kind) {
        (_, "delay" | "jitter" | "pause" | "freeze" | "throttle") => Some(Measure::Latency),
        (_, "abort" | "status" | "refuse" | "reset" | "kill" | "answer" | "alert") => {
            Some(Measure::Errors)
        }
        ("cpu" | "memory" | "disk", _) => Some(Measure::Resource),
        _ => None,
    }
}

/// What the rules of every service show of it, as series.
pub(super) fn services(
    rows: &[Readable<'_>],
    input: &Input<'_>,
    (from_ms, to_ms): (i64, i64),
) -> Vec<Service> {
    let mut all: BTreeMap<&str, Vec<Signal>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.row.service.is_empty()).take(SIGNALS_MAX) {
        let samples = timeline::read(row, input.storage, (from_ms, to_ms), input.every_ms);
        if samples.is_empty() {
            continue;
        }
        let series = |measure, of: &dyn Fn(&timeline::Sample) -> Option<f64>| Signal {
            name: row.row.rule.clone(),
            measure,
            callee: None,
            instance: None,
            points: samples.iter().map(|s| Point { at_ms: s.at_ms, value: of(s) }).collect(),
        };
        let signals = all.entry(row.row.service.as_str()).or_default();
        let whole = |s: &timeline::Sample| s.reading.counts.filter(|_| s.reading.gap.is_none());
        if row.judged.is_share {
            signals.push(series(Measure::Requests, &|s| Some(whole(s)?.total as f64)));
            signals.push(series(Measure::Errors, &|s| Some(whole(s)?.bad_least as f64)));
        } else {
            let measure =
                if row.row.unit == Unit::Seconds { Measure::Latency } else { Measure::Other };
            signals.push(series(measure, &|s| s.reading.value));
        }
    }
    let service = |(name, signals): (&str, Vec<Signal>)| Service { name: name.to_owned(), signals };
    all.into_iter().map(service).collect()
}
