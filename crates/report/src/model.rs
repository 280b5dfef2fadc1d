//! Everything a format shows, computed once: no format does arithmetic on the record itself.

mod causes;
mod ends;
mod facts;
mod log;
mod proof;
mod rows;
mod series;
mod time_outs;

pub use causes::{Cause, Rung};
pub use ends::{Action, End};
pub use log::{Entry, Names, describe};
pub use proof::{Category, Fingerprints, Step};
pub use rows::{During, Row};
pub use series::{Lane, Point, Series};

use crate::number;
use crate::read::Record;
use squall_wire::record::{AbortCause, Event, Phase, Verdict, Word};

/// How a thing is shown: a glyph, a color and a place in the order of attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Held, restored, recovered, equal.
    Held,
    /// Refuted, a sample outside.
    Refuted,
    /// Stopped before the end.
    Aborted,
    /// Too little data.
    Inconclusive,
    /// The fault had no effect.
    Invalid,
    /// A person must act.
    Act,
    /// The fault itself.
    Inject,
    /// Nothing to look at.
    Plain,
}

/// What stands in the first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A verdict, and the host is as it was.
    Judged(Word),
    /// Something of a fault is still there: this takes the verdict's place.
    NotRestored,
    /// The run was killed before its verdict.
    Interrupted,
}

impl Standing {
    /// How it is shown.
    pub fn tone(self) -> Tone {
        match self {
            Standing::NotRestored => Tone::Act,
            Standing::Interrupted => Tone::Inconclusive,
            Standing::Judged(word) => word_tone(word),
        }
    }

    /// Its word, in small letters.
    pub fn word(self) -> &'static str {
        match self {
            Standing::NotRestored => "not restored",
            Standing::Interrupted => "interrupted",
            Standing::Judged(word) => word_text(word),
        }
    }
}

/// The verdict's word.
pub fn word_text(word: Word) -> &'static str {
    match word {
        Word::Held => "held",
        Word::Refuted => "refuted",
        Word::Aborted => "aborted",
        Word::Inconclusive => "inconclusive",
        Word::Invalid => "invalid",
    }
}

/// How a verdict is shown.
pub fn word_tone(word: Word) -> Tone {
    match word {
        Word::Held => Tone::Held,
        Word::Refuted => Tone::Refuted,
        Word::Aborted => Tone::Aborted,
        Word::Inconclusive => Tone::Inconclusive,
        Word::Invalid => Tone::Invalid,
    }
}

/// Everything a report shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The run's id.
    pub run: String,
    /// The experiment's name.
    pub experiment: String,
    /// Its labels, sorted.
    pub labels: Vec<(String, String)>,
    /// Its hypothesis.
    pub hypothesis: String,
    /// The file as written.
    pub file: String,
    /// The build that ran it.
    pub squall: String,
    /// The host it ran on.
    pub host: String,
    /// Wall clock of the first line, in milliseconds since 1970.
    pub started_unix_ms: i64,
    /// Length of the whole run in seconds.
    pub took_s: f64,
    /// The first line's word.
    pub standing: Standing,
    /// The verdict about the hypothesis, where there is one.
    pub word: Option<Word>,
    /// Why the run was ended early, where it was.
    pub aborted: Option<AbortCause>,
    /// The exit code; absent for a run that was killed.
    pub exit: Option<u8>,
    /// What the first line says.
    pub sentence: String,
    /// The fault in one line, before the table: `With http.delay on payment-1 (…)`.
    pub lead: String,
    /// What to do at once where something is not restored or unknown.
    pub actions: Vec<Action>,
    /// What differs between the host before and after, one line a fact.
    pub differences: Vec<String>,
    /// One row an indicator.
    pub rows: Vec<Row>,
    /// How it ended: aborted, restored, recovered.
    pub ends: Vec<End>,
    /// One entry an injection.
    pub causes: Vec<Cause>,
    /// What switching faults on and off at random has shown, one line a fault and indicator.
    pub effects: Vec<String>,
    /// Which time-outs of the chain cut in while the faults were on, a sentence each.
    pub time_outs: Vec<String>,
    /// Disturbed instances beside untouched ones, one line each.
    pub controls: Vec<String>,
    /// What it cost, where events were counted.
    pub budget: Option<String>,
    /// What of the error budget the faults burnt, apart from what would have gone anyway.
    pub burnt: Option<String>,
    /// What it cost, as a number of events.
    pub excess_bad: Option<u64>,
    /// What to try next.
    pub advice: Vec<String>,
    /// Warnings of the run.
    pub warnings: Vec<String>,
    /// True where the seconds count from injection, false where nothing was injected and they
    /// count from the start.
    pub from_injection: bool,
    /// One chart an indicator.
    pub series: Vec<Series>,
    /// Baseline, injection and recovery on the time axis.
    pub lanes: Vec<Lane>,
    /// Seconds at which the run was aborted.
    pub abort_s: Option<f64>,
    /// Seconds at which the first fault was in place and at which the last was undone.
    pub fault_s: Option<(f64, f64)>,
    /// Seconds at which the fault would have ended by plan.
    pub planned_end_s: f64,
    /// Seconds and the strongest evidence of any indicator so far, sample by sample.
    pub evidence: Vec<(f64, f64)>,
    /// The evidence that aborts, where the calibrated rule is used.
    pub e_limit: Option<f64>,
    /// The events.
    pub log: Vec<Entry>,
    /// The way from the deciding sample to restored.
    pub steps: Vec<Step>,
    /// Order to restored of the slowest fault, as text.
    pub restored_in: Option<String>,
    /// The host before and after.
    pub fingerprints: Option<Fingerprints>,
    /// Label and text of what else is known of the run.
    pub facts: Vec<(&'static str, String)>,
}

impl Model {
    /// Computes the model of a record.
    pub fn of(record: &Record) -> Model {
        let started = &record.started;
        let clock = Clock::of(record);
        let verdict = verdict(record);
        let names = Names::of(started);
        let fate = ends::fate(record, &clock);
        let standing = standing(record, verdict, &fate);
        let series = series::series(record, &clock);
        let first = record.lines.first().map_or(0, |l| l.at_unix_ms);
        let last = record.lines.last().map_or(first, |l| l.at_unix_ms);
        Model {
            run: started.run.clone(),
            experiment: started.experiment.clone(),
            labels: started.labels.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            hypothesis: started.hypothesis.clone(),
            file: started.file.clone(),
            squall: started.squall.clone(),
            host: started.host.clone(),
            started_unix_ms: first,
            took_s: last.saturating_sub(first).max(0) as f64 / 1e3,
            standing,
            word: verdict.map(|v| v.word),
            aborted: verdict.and_then(|v| v.aborted),
            exit: verdict.map(|v| v.exit),
            sentence: sentence(record, verdict, standing, &fate),
            lead: facts::lead(record),
            actions: ends::actions(record, verdict, standing, &fate),
            differences: ends::differences(record),
            rows: rows::rows(record, verdict, &series),
            ends: ends::ends(record, verdict, &fate),
            causes: causes::causes(record, verdict, &names),
            effects: verdict.map_or_else(Vec::new, facts::effects),
            time_outs: time_outs::time_outs(record),
            controls: verdict.map_or_else(Vec::new, facts::controls),
            budget: facts::budget(record, verdict),
            burnt: facts::burnt(record, verdict),
            excess_bad: verdict.map(|v| v.excess_bad).filter(|_| facts::counts_events(record)),
            advice: verdict.filter(|v| v.restored).map(|v| v.advice.clone()).unwrap_or_default(),
            warnings: facts::warnings(record),
            from_injection: clock.injected,
            lanes: series::lanes(record, &clock),
            abort_s: fate.abort_s,
            fault_s: fate.fault_s,
            planned_end_s: started.hold_ms as f64 / 1e3,
            e_limit: e_limit(started.literal, started.false_alarm),
            evidence: series::evidence(&series),
            log: log::entries(record, &clock, &names),
            steps: proof::steps(record),
            restored_in: fate.restored_us.map(number::micros),
            fingerprints: proof::fingerprints(record),
            facts: facts::facts(record, &series),
            series,
        }
    }

    /// The verdict about the hypothesis where something else stands in its place.
    pub fn second_verdict(&self) -> Option<String> {
        let word = self.word.filter(|_| self.standing == Standing::NotRestored)?;
        let verdict = self.log.iter().rev().find(|entry| entry.kind == "verdict")?;
        let said = verdict.text.split_once(": ").map_or("", |(_, said)| said);
        let repeats = said.is_empty() || said.starts_with("not restored");
        Some(if repeats { word_text(word).into() } else { verdict.text.clone() })
    }

    /// Labels in one line.
    pub fn labels_text(&self) -> String {
        let labels = self.labels.iter().map(|(k, v)| format!("{k}: {v}"));
        labels.collect::<Vec<_>>().join(", ")
    }

    /// The last line of the terminal's block, without its color.
    pub fn exit_text(&self) -> String {
        let Some(exit) = self.exit else {
            return "no exit code: the run was killed before its verdict".into();
        };
        let words = match exit {
            2 => "refused",
            3 => "aborted and restored",
            5 => "a person must act",
            70 => "a bug in Squall",
            _ => self.standing.word(),
        };
        format!("exit {exit}, {words}")
    }
}

/// The evidence at which the calibrated rule aborts.
pub fn e_limit(literal: bool, false_alarm: f64) -> Option<f64> {
    (!literal && false_alarm > 0.0 && false_alarm < 1.0).then(|| 1.0 / false_alarm)
}

/// Seconds from injection, or from the start where nothing was injected.
pub(crate) struct Clock {
    zero_unix_ms: i64,
    injected: bool,
}

impl Clock {
    fn of(record: &Record) -> Clock {
        let injected_at = record.injected_at();
        let first = record.lines.first().map_or(0, |l| l.at_unix_ms);
        Clock { zero_unix_ms: injected_at.unwrap_or(first), injected: injected_at.is_some() }
    }

    fn seconds(&self, line: &squall_wire::record::Line) -> f64 {
        let ms = match line.t_ms {
            Some(t) if self.injected => t,
            _ => line.at_unix_ms.saturating_sub(self.zero_unix_ms),
        };
        ms as f64 / 1e3
    }
}

fn verdict(record: &Record) -> Option<&Verdict> {
    record.lines.iter().rev().find_map(|line| match &line.event {
        Event::Verdict(verdict) => Some(&**verdict),
        _ => None,
    })
}

fn standing(record: &Record, verdict: Option<&Verdict>, fate: &ends::Fate) -> Standing {
    match verdict {
        Some(v) if v.restored => Standing::Judged(v.word),
        Some(_) => Standing::NotRestored,
        // Residue that was seen is a fact, whether or not the run lived to judge it.
        None if !fate.residue.is_empty() && !record.lines.is_empty() => Standing::NotRestored,
        None => Standing::Interrupted,
    }
}

fn sentence(
    record: &Record,
    verdict: Option<&Verdict>,
    standing: Standing,
    fate: &ends::Fate,
) -> String {
    match (standing, verdict) {
        (Standing::NotRestored, Some(verdict)) if fate.residue.is_empty() => {
            verdict.sentence.strip_prefix("not restored: ").unwrap_or(&verdict.sentence).into()
        }
        (Standing::NotRestored, _) => fate.residue.join("; "),
        (_, Some(verdict)) => number::typeset(&verdict.sentence),
        (_, None) => {
            let phase = last_phase(record).map_or("starting", series::phase_text);
            let torn = if record.torn { "; its last line is torn" } else { "" };
            format!("the run was killed while {phase}; its record has no verdict{torn}")
        }
    }
}

fn last_phase(record: &Record) -> Option<Phase> {
    record.lines.iter().rev().find_map(|line| match line.event {
        Event::Phase(phase) => Some(phase),
        _ => None,
    })
}
