//! The run record: one event a line, append-only, so that a killed run still has its record.

use crate::ending::Ending;
use crate::fingerprint::{Difference, Fingerprint};
use crate::injection::{Bite, Injection};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use crate::control::{Arm, Arms, ControlVerdict};
pub use crate::toggled::{Toggled, ToggledEffect};
pub use crate::verdict::{IndicatorVerdict, Outcome, Verdict, Word};

/// The version of records this build writes.
pub const RECORD_VERSION: u32 = 1;

/// One line of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Format version.
    pub v: u32,
    /// From 0, without gaps.
    pub seq: u64,
    /// The hash of the line before, as [`crate::chain`] has it; absent in records of builds that
    /// wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Wall clock in milliseconds since 1970.
    pub at_unix_ms: i64,
    /// Milliseconds from the moment the first fault was in place; absent before it is known.
    /// Lines before injection get theirs when the record is read.
    pub t_ms: Option<i64>,
    /// What happened.
    pub event: Event,
}

/// What can happen in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Event {
    /// First line.
    Started(Box<Started>),
    /// A phase began.
    Phase(Phase),
    /// One sample of every indicator.
    Sample(Sample),
    /// The steady state was checked as a whole.
    Check(Check),
    /// A receipt is on disk.
    Receipt {
        /// The receipt's id.
        id: String,
        /// The injection.
        injection: String,
        /// Time for writing and syncing, in microseconds.
        took_us: u64,
    },
    /// A fault is in place.
    Inject {
        /// The injection's id.
        injection: String,
        /// How it works here.
        mechanism: String,
        /// Time from the synced receipt to the effect, in microseconds.
        took_us: u64,
    },
    /// What a fault showed of its effect, at its first bite and at its end.
    Bite {
        /// The injection's id.
        injection: String,
        /// The measurement.
        bite: Bite,
    },
    /// A sample counted as anomalous.
    Strike {
        /// Which in a row, from 1.
        count: u32,
        /// How many in a row abort.
        of: u32,
        /// The indicators outside, by index.
        indicators: Vec<usize>,
        /// One line for a person.
        text: String,
    },
    /// The run is being ended early.
    Abort {
        /// Why.
        cause: AbortCause,
        /// One line for a person.
        text: String,
        /// Time from the deciding sample's scrape to the order to restore, in microseconds.
        decided_us: Option<u64>,
    },
    /// A fault was undone.
    Restore {
        /// The injection's id.
        injection: String,
        /// Who undid it: `engine`, `agent` (lease, target gone), `watchdog`, `undo`.
        by: String,
        /// Time from the order to restored, in microseconds.
        took_us: u64,
        /// What is still there; empty when restored.
        residue: Vec<String>,
        /// The command a person types when it is not restored.
        advice: Option<String>,
    },
    /// The host's state.
    Fingerprint {
        /// Before the first receipt, or after the last restore.
        when: When,
        /// The state.
        fingerprint: Fingerprint,
    },
    /// The host's state before and after were compared.
    Compared {
        /// Categories that are equal.
        equal: usize,
        /// Categories that could be compared.
        of: usize,
        /// What differs.
        differences: Vec<Difference>,
    },
    /// Steady state after the fault.
    Recover {
        /// First sample inside every bound, in milliseconds after the restore.
        inside_ms: Option<u64>,
        /// When recovery was confirmed by enough data.
        confirmed_ms: Option<u64>,
        /// One line for a person.
        text: String,
    },
    /// How the requests of the run's own traffic ended.
    Endings {
        /// Baseline, or Holding for everything from the first fault to the last restore.
        phase: Phase,
        /// The most frequent first.
        endings: Vec<Ending>,
    },
    /// Something a person should know that changes no verdict.
    Warning {
        /// For programs.
        code: String,
        /// For a person.
        text: String,
    },
    /// Last line of a run that was not killed.
    Verdict(Box<Verdict>),
}

/// What the run set out to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    /// The run's id.
    pub run: String,
    /// The experiment's name.
    pub experiment: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its hypothesis.
    pub hypothesis: String,
    /// The file as written.
    pub file: String,
    /// This build.
    pub squall: String,
    /// Host name, kernel and cores, for people.
    pub host: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// The steady state.
    pub indicators: Vec<Indicator>,
    /// The sources, one line each.
    pub sources: Vec<String>,
    /// Samples in a row that abort.
    pub consecutive: u32,
    /// Time between samples.
    pub every_ms: u64,
    /// True where the raw rule is used instead of the calibrated one.
    pub literal: bool,
    /// The chance of a false abort that is accepted.
    pub false_alarm: f64,
    /// Planned length of the baseline.
    pub baseline_ms: u64,
    /// Planned length of the fault.
    pub hold_ms: u64,
    /// Time allowed for recovery.
    pub recovery_ms: u64,
    /// The lease.
    pub lease_ms: u64,
    /// What will be injected.
    pub injections: Vec<Injection>,
    /// The randomized schedule, an entry a fault; empty where the faults follow one another. Each
    /// slot of it is one `holding` phase, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub toggled: Vec<Toggled>,
    /// Instances that stay untouched.
    pub spared: Vec<String>,
    /// The radius in words, for example `1 of 2 payment instances, 1 host`.
    pub radius: String,
}

/// One indicator of the steady state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indicator {
    /// Its name.
    pub name: String,
    /// Its query.
    pub query: String,
    /// The bound as written, for example `>= 99.95%`.
    pub expect: String,
    /// What its values are.
    pub unit: Unit,
    /// The bound in the query's own unit.
    pub bound: f64,
    /// True where values must be at least the bound, false where at most.
    pub at_least: bool,
    /// The share of bad events that is allowed, where events can be counted.
    pub bad_share: Option<f64>,
    /// What a counted event is, for example `late` or `failed`; empty where none is counted.
    pub bad_word: String,
}

/// What an indicator's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// 0 to 1, printed as a percentage.
    Share,
    /// Seconds, printed in a fitting unit.
    Seconds,
    /// Anything else.
    Number,
}

/// The phases of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// The steady state is measured; nothing is touched.
    Baseline,
    /// Receipts are written and faults applied.
    Injecting,
    /// The faults are on.
    Holding,
    /// The run's own traffic rests, or is back and the service is awaited: nothing counts.
    Draining,
    /// The faults are being undone.
    Reverting,
    /// The steady state is awaited.
    Recovering,
    /// The data is judged.
    Judging,
    /// Over.
    Done,
}

/// One sample of every indicator, in the order of [`Started::indicators`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// From 0.
    pub index: u64,
    /// The phase it was taken in.
    pub phase: Phase,
    /// One reading an indicator.
    pub readings: Vec<Reading>,
}

/// One indicator at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// The value of this sample alone: the share or quantile estimate of the events since the
    /// last sample where events can be counted, else the query's value.
    pub value: Option<f64>,
    /// The query's own value, smoothed by its window.
    pub query_value: Option<f64>,
    /// Events since the last sample.
    pub total: Option<u64>,
    /// Bad events among them, at least.
    pub bad_least: Option<u64>,
    /// Bad events among them, at most.
    pub bad_most: Option<u64>,
    /// Why there is no number.
    pub gap: Option<String>,
    /// True where it counted as anomalous.
    pub anomalous: bool,
    /// 99 % interval of this sample's value.
    pub interval: Option<(f64, f64)>,
    /// Evidence so far against the bound; absent before injection.
    pub e: Option<f64>,
    /// Its events by instance, where they tell a fault's targets from untouched instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arms: Option<Arms>,
}

/// The steady state as a whole, before or after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Before injection or after recovery.
    pub when: When,
    /// True where every indicator was inside its bound.
    pub met: bool,
    /// One line an indicator.
    pub lines: Vec<String>,
}

/// Before or after the faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// Before the first receipt.
    Before,
    /// After the last restore.
    After,
}

/// Why a run was ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AbortCause {
    /// The abort rule fired.
    Rule,
    /// A person or a signal asked for it.
    Stopped,
    /// The agent is gone.
    AgentLost,
    /// The fault ended before its time.
    FaultEnded,
    /// The target is gone.
    TargetGone,
    /// A fault could not be applied.
    InjectFailed,
    /// The baseline already broke the steady state.
    Baseline,
    /// An indicator had no data for too long to go on.
    NoData,
}
