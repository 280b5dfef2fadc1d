//! Owns the whole: rows, columns, a cell for each, and the look at all cells together.

use super::judge::{self, Judged};
use super::rows::{self, Readable};
use super::toggled::{self, Answered};
use super::{Cell, Column, Injection, Input, Matrix, Run, Word, blame};
use squall_query::Selector;
use squall_spec::sla::Agreement;

/// The share of false violations among all that is accepted when many cells are looked at.
const FALSE_SHARE: f64 = 0.05;
/// How much before the first fault is read, for groups that there are.
const REACH_MS: i64 = 5 * 60 * 1000;

/// The series that a source has to bring for these agreements.
pub fn selectors(agreements: &[Agreement]) -> Vec<Selector> {
    let mut all: Vec<Selector> = Vec::new();
    for selector in agreements.iter().flat_map(rows::selectors_of) {
        if !all.contains(&selector) {
            all.push(selector);
        }
    }
    all
}

/// Judges every rule under every fault.
pub fn matrix(input: &Input<'_>) -> Matrix {
    let first_ms = input.injections.iter().map(|i| i.from_ms).min().unwrap_or(input.now_ms);
    let range = (first_ms.saturating_sub(REACH_MS), input.now_ms);
    let (rows, crowded) = rows::rows(input.agreements, input.storage, range);
    let columns = columns(input.injections);
    let mut e_values = Vec::new();
    let mut cells: Vec<Vec<Cell>> = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut line = Vec::with_capacity(columns.len());
        let mut answered = Answered::new();
        for column in &columns {
            let judged: Vec<(usize, Judged)> = column
                .injections
                .iter()
                .map(|at| (*at, judge::judge(row, &input.injections[*at], input)))
                .collect();
            let e = judged.iter().filter_map(|(_, j)| j.e_end).reduce(f64::max);
            // The largest of several e-values is none; divided by their number it is.
            e_values.push(e.map(|e| e / judged.len().max(1) as f64));
            line.push(cell(row, &rows, judged, input, &mut answered));
        }
        cells.push(line);
    }
    stand_together(&mut cells, &e_values);
    Matrix { rows: rows.into_iter().map(|r| r.row).collect(), columns, cells, crowded }
}

fn columns(injections: &[Injection]) -> Vec<Column> {
    let mut by_time: Vec<usize> = (0..injections.len()).collect();
    by_time.sort_by_key(|at| (injections[*at].from_ms, *at));
    let mut all: Vec<Column> = Vec::new();
    for at in by_time {
        let injection = &injections[at];
        let target = injection.service.clone().unwrap_or_else(|| injection.target.clone());
        let same = |c: &&mut Column| c.fault == injection.fault && c.target == target;
        match all.iter_mut().find(same) {
            Some(column) => column.injections.push(at),
            None => {
                all.push(Column { fault: injection.fault.clone(), target, injections: vec![at] });
            }
        }
    }
    all
}

fn cell(
    row: &Readable<'_>,
    rows: &[Readable<'_>],
    judged: Vec<(usize, Judged)>,
    input: &Input<'_>,
    answered: &mut Answered,
) -> Cell {
    let runs: Vec<Run> = judged
        .into_iter()
        .map(|(at, judged)| {
            let refuted = judged.word == Word::Refuted;
            let injection = &input.injections[at];
            let alone = || blame::blame(row, rows, injection, &judged, input);
            let blame = refuted
                .then(|| toggled::ask(row, rows, injection, input, answered, alone))
                .flatten();
            let Judged { word, reason, evidence, .. } = judged;
            Run { injection: at, word, reason, evidence, blame }
        })
        .collect();
    let word = runs.iter().map(|run| run.word).min().unwrap_or(Word::Undecided);
    Cell { word, stands: None, runs }
}

/// e-Benjamini-Hochberg over all cells: with many of them some would break by chance. Valid
/// however the cells depend on each other.
fn stand_together(cells: &mut [Vec<Cell>], e_values: &[Option<f64>]) {
    let mut sorted: Vec<f64> = e_values.iter().flatten().copied().collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let all = sorted.len() as f64;
    let limit = (1..=sorted.len()).rev().map(|k| (sorted[k - 1], all / (k as f64 * FALSE_SHARE)));
    let limit = limit.into_iter().find(|(e, needed)| e >= needed).map(|(e, _)| e);
    let cells = cells.iter_mut().flatten();
    for (cell, e) in cells.zip(e_values).filter(|(cell, _)| cell.word == Word::Refuted) {
        cell.stands = Some(limit.zip(*e).is_some_and(|(limit, e)| e >= limit));
    }
}
