//! The SLA matrix as a document: what `squall sla eval` writes and every rendering reads.

use crate::record::Unit;
use serde::{Deserialize, Serialize};

/// The version of documents this build writes.
pub const MATRIX_VERSION: u32 = 1;

/// Services × rules × faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Matrix {
    /// Format version.
    pub v: u32,
    /// This build.
    pub squall: String,
    /// When it was made, in milliseconds since 1970.
    pub made_unix_ms: i64,
    /// The file of rules.
    pub rules: String,
    /// Where faults and samples came from, one line each.
    pub sources: Vec<String>,
    /// Time between two scrapes.
    pub every_ms: i64,
    /// The level of every interval.
    pub confidence: f64,
    /// What a person should know of the input.
    pub notes: Vec<String>,
    /// Every use of a fault.
    pub injections: Vec<Injection>,
    /// One entry a fault and target.
    pub columns: Vec<Column>,
    /// One entry a rule and group, by service.
    pub rows: Vec<Row>,
}

/// One use of a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Injection {
    /// Its id.
    pub id: String,
    /// The fault.
    pub fault: String,
    /// As its source says it.
    pub said: String,
    /// What it acted on.
    pub target: String,
    /// When it was applied, in milliseconds since 1970.
    pub from_unix_ms: i64,
    /// When it was undone; absent where it is not known to be.
    pub to_unix_ms: Option<i64>,
}

/// A fault on a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Column {
    /// The fault.
    pub fault: String,
    /// What it acted on.
    pub target: String,
}

/// A rule, for one of its groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    /// The service; empty where nothing names one.
    pub service: String,
    /// The rule's name.
    pub rule: String,
    /// The group in words; empty for a rule without groups.
    pub group: String,
    /// The bound in words.
    pub bound: String,
    /// The bound as a number, in the row's unit.
    pub limit: Option<f64>,
    /// What its values are.
    pub unit: Unit,
    /// The query over its window.
    pub query: Option<String>,
    /// The rule as one sentence.
    pub sentence: String,
    /// One entry a column.
    pub cells: Vec<Cell>,
}

/// What is said of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Word {
    /// ✅ The rule held, shown by enough data.
    Held,
    /// ❌ The rule broke, shown by the data.
    Refuted,
    /// ❔ The data does not say.
    Inconclusive,
    /// ❔ The fault touched nothing, or the rule was broken before it.
    Invalid,
}

impl Word {
    /// The three signs that a reader has to know.
    pub const fn sign(self) -> &'static str {
        match self {
            Word::Held => "✅",
            Word::Refuted => "❌",
            Word::Inconclusive | Word::Invalid => "❔",
        }
    }

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Word::Held => "held",
            Word::Refuted => "refuted",
            Word::Inconclusive => "inconclusive",
            Word::Invalid => "invalid",
        }
    }
}

/// One rule under one fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cell {
    /// The gravest word of its runs.
    pub word: Word,
    /// ✅, ❌ or ❔.
    pub sign: String,
    /// Whether a violation still stands when all cells are looked at together.
    pub stands: Option<bool>,
    /// The run it is shown by, by place.
    pub shown: usize,
    /// One entry a use of the fault, by time.
    pub runs: Vec<Run>,
}

/// One rule under one use of a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Run {
    /// The injection, by place.
    pub injection: usize,
    /// The word.
    pub word: Word,
    /// Why, in one line.
    pub reason: String,
    /// The value over all events while the fault was on.
    pub value: Option<f64>,
    /// The worst single sample.
    pub worst: Option<f64>,
    /// The value before the fault.
    pub baseline: Option<f64>,
    /// The worst value over the rule's own window, as a dashboard shows it.
    pub windowed: Option<f64>,
    /// The share of bad events that is allowed.
    pub allowed: Option<f64>,
    /// The share of bad events.
    pub bad_share: Option<f64>,
    /// Its confidence sequence.
    pub interval: Option<(f64, f64)>,
    /// Events while the fault was on.
    pub total: u64,
    /// Bad events among them, at least.
    pub bad: u64,
    /// Bad events above what is allowed.
    pub excess: u64,
    /// Samples with a number.
    pub samples: u32,
    /// Anomalous samples.
    pub strikes: u32,
    /// Samples without a number.
    pub gaps: u32,
    /// The evidence against the bound.
    pub e: Option<f64>,
    /// The share of the whole error budget that went.
    pub budget: Option<f64>,
    /// What the breaker did.
    pub breaker: Option<Breaker>,
    /// The samples, from before the fault to after it.
    pub points: Vec<Point>,
    /// Who did it, where the rule broke.
    pub cause: Option<Cause>,
}

/// What an error-rate breaker did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Breaker {
    /// When it opened first, in milliseconds from the injection.
    pub opened_ms: Option<i64>,
    /// When it closed again.
    pub closed_ms: Option<i64>,
    /// The highest weighted error rate.
    pub worst: f64,
    /// Whether the events prove a rate that high.
    pub proven: bool,
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Point {
    /// Milliseconds from the injection.
    pub t_ms: i64,
    /// The value of this sample's own events; absent in a gap.
    pub value: Option<f64>,
    /// Its events.
    pub total: Option<u64>,
    /// Whether it counted as anomalous.
    pub anomalous: bool,
}

/// Who broke a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cause {
    /// The conclusion in one line.
    pub text: String,
    /// Injections that the data does not rule out, the strongest first.
    pub tags: Vec<Tag>,
    /// Injections that it does.
    pub ruled_out: Vec<Tag>,
}

/// One injection in question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tag {
    /// The injection, by place.
    pub injection: Option<usize>,
    /// The rung, A to F.
    pub rung: String,
    /// What may be said at that rung.
    pub word: String,
    /// Whether the rule's `IMPACTED_BY` names it, or it has none.
    pub declared: bool,
    /// The share of the excess that it explains.
    pub share: Option<f64>,
    /// The effect in excess events a sample, with its interval.
    pub effect: Option<(f64, f64, f64)>,
    /// The p value of the randomized schedule.
    pub p: Option<f64>,
    /// The rungs' answers, lowest first.
    pub steps: Vec<String>,
}

impl Matrix {
    /// How many cells have a word.
    pub fn count(&self, word: Word) -> usize {
        self.cells().filter(|cell| cell.word == word).count()
    }

    /// Every cell.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.rows.iter().flat_map(|row| &row.cells)
    }
}
