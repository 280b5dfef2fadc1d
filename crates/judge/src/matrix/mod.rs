//! The SLA matrix: agreements × injections to cells, each a word with its evidence and its cause.
//!
//! A cell is judged on the events while the fault was on, counted as raw counter deltas. Windows
//! are cut at the fault's beginning: traffic from before must not dilute it, and what is left in
//! a window afterwards must not blame the next fault. What the agreement's own window showed, as a
//! dashboard would, stands beside it. Missing data is never a pass.

mod blame;
mod breaker;
pub mod cases;
mod cells;
mod evidence;
mod judge;
mod rows;
mod series;
#[cfg(test)]
mod tests;
mod timeline;
mod toggled;

pub use blame::Blame;
pub use breaker::Opened;
pub use cells::{matrix, selectors};
pub use evidence::{Evidence, Point};
pub use rows::GROUPS_MAX;
pub use toggled::Schedule;

use crate::attribution::{Dose, ServiceMap};
use crate::verdict::Bitten;
use squall_query::Storage;
use squall_spec::sla::Agreement;
use std::collections::BTreeMap;

/// The level of every interval, and the chance of a false violation of one cell.
pub const ALPHA: f64 = 0.01;

/// One use of a fault, wherever it is known from.
#[derive(Debug, Clone, PartialEq)]
pub struct Injection {
    /// Its id, unique in the input.
    pub id: String,
    /// The fault's name: `http.delay`.
    pub fault: String,
    /// As the source says it: `k8s pod-cpu fullload`.
    pub said: String,
    /// What it acted on, for people: `payment-1`, or the service.
    pub target: String,
    /// The service it acted on.
    pub service: Option<String>,
    /// What is known of its target, for `IMPACTED_BY`.
    pub about: BTreeMap<String, String>,
    /// When it was applied, in milliseconds since 1970.
    pub from_ms: i64,
    /// When it was undone; none where that is not known.
    pub to_ms: Option<i64>,
    /// Whether it was seen to act.
    pub bitten: Bitten,
    /// How much of it was asked for, where that is known.
    pub dose: Option<Dose>,
}

/// What a matrix is made of.
pub struct Input<'i> {
    /// The agreements.
    pub agreements: &'i [Agreement],
    /// The injections.
    pub injections: &'i [Injection],
    /// The schedules of runs that switched their faults on and off at random.
    pub schedules: &'i [Schedule],
    /// The samples.
    pub storage: &'i dyn Storage,
    /// Time between two scrapes, in milliseconds.
    pub every_ms: i64,
    /// The newest time that the samples can speak for.
    pub now_ms: i64,
    /// Who calls whom, where known.
    pub map: Option<ServiceMap>,
}

/// Services × rules × faults.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// One row a rule and group, by service.
    pub rows: Vec<Row>,
    /// One column a fault and target, by time.
    pub columns: Vec<Column>,
    /// Cells, row by row, as many as columns.
    pub cells: Vec<Vec<Cell>>,
    /// Rules of whose groups only the first [`GROUPS_MAX`] have a row: nothing is said of the rest.
    pub crowded: Vec<Crowded>,
}

/// A rule with more groups than are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowded {
    /// Its place among the agreements.
    pub agreement: usize,
    /// How many groups there are.
    pub groups: usize,
}

/// A rule, for one of its groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The service it is about; empty where nothing names one.
    pub service: String,
    /// The rule's name.
    pub rule: String,
    /// The group: labels and their values.
    pub group: Vec<(String, String)>,
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
    /// Its place among the agreements.
    pub agreement: usize,
}

/// What values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// 0 to 1.
    Share,
    /// Seconds.
    Seconds,
    /// Anything else.
    Number,
}

/// A fault on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The fault.
    pub fault: String,
    /// What it acted on.
    pub target: String,
    /// Its uses, by place among the injections, by time.
    pub injections: Vec<usize>,
}

/// What is said of a cell or of one run in it, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// ❌ The rule broke, shown by the data.
    Refuted,
    /// ❔ The data does not say.
    Undecided,
    /// ❔ The fault touched nothing, or the rule was broken before it.
    Invalid,
    /// ✅ The rule held, shown by enough data.
    Held,
}

/// One rule under one fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The gravest word of its runs.
    pub word: Word,
    /// Whether a violation still stands when all cells are looked at together (e-BH at 5 %);
    /// none where there is none.
    pub stands: Option<bool>,
    /// One entry a use of the fault, by time.
    pub runs: Vec<Run>,
}

impl Cell {
    /// The run that a cell is shown by: the last of those with its word.
    pub fn shown(&self) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.word == self.word)
    }
}

/// One rule under one use of a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The injection, by place.
    pub injection: usize,
    /// The word.
    pub word: Word,
    /// Why, in one line.
    pub reason: String,
    /// The numbers.
    pub evidence: Evidence,
    /// Who did it, where the rule broke.
    pub blame: Option<Blame>,
}
