//! Owns the step from what was judged to the document that is written and shown.

use squall_judge::attribution::{Check, Tag};
use squall_judge::matrix::{ALPHA, Blame, Cell, Injection, Matrix, Row, Run, Unit, Word};
use squall_wire::matrix::{self as wire, MATRIX_VERSION};
use squall_wire::record;

/// What the document says beside the matrix.
pub(super) struct Around {
    pub(super) rules: String,
    pub(super) sources: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) every_ms: i64,
    pub(super) made_unix_ms: i64,
}

pub(super) fn document(matrix: &Matrix, injections: &[Injection], around: Around) -> wire::Matrix {
    let rows = matrix.rows.iter().zip(&matrix.cells);
    wire::Matrix {
        v: MATRIX_VERSION,
        squall: env!("CARGO_PKG_VERSION").into(),
        made_unix_ms: around.made_unix_ms,
        rules: around.rules,
        sources: around.sources,
        every_ms: around.every_ms,
        confidence: 1.0 - ALPHA,
        notes: around.notes,
        injections: injections.iter().map(injection).collect(),
        columns: (matrix.columns.iter())
            .map(|c| wire::Column { fault: c.fault.clone(), target: c.target.clone() })
            .collect(),
        rows: rows.map(|(row, cells)| self::row(row, cells, injections)).collect(),
    }
}

fn injection(injection: &Injection) -> wire::Injection {
    wire::Injection {
        id: injection.id.clone(),
        fault: injection.fault.clone(),
        said: injection.said.clone(),
        target: injection.target.clone(),
        from_unix_ms: injection.from_ms,
        to_unix_ms: injection.to_ms,
    }
}

fn row(row: &Row, cells: &[Cell], injections: &[Injection]) -> wire::Row {
    let group = row.group.iter().map(|(label, value)| format!("{label} {value}"));
    wire::Row {
        service: row.service.clone(),
        rule: row.rule.clone(),
        group: group.collect::<Vec<_>>().join(", "),
        bound: row.bound.clone(),
        limit: row.limit,
        unit: match row.unit {
            Unit::Share => record::Unit::Share,
            Unit::Seconds => record::Unit::Seconds,
            Unit::Number => record::Unit::Number,
        },
        query: row.query.clone(),
        sentence: row.sentence.clone(),
        cells: cells.iter().map(|c| cell(c, injections)).collect(),
    }
}

fn word(word: Word) -> wire::Word {
    match word {
        Word::Held => wire::Word::Held,
        Word::Refuted => wire::Word::Refuted,
        Word::Undecided => wire::Word::Inconclusive,
        Word::Invalid => wire::Word::Invalid,
    }
}

fn cell(cell: &Cell, injections: &[Injection]) -> wire::Cell {
    let shown = cell.runs.iter().rposition(|run| run.word == cell.word).unwrap_or(0);
    wire::Cell {
        word: word(cell.word),
        sign: word(cell.word).sign().into(),
        stands: cell.stands,
        shown,
        runs: cell.runs.iter().map(|r| run(r, injections)).collect(),
    }
}

fn run(run: &Run, injections: &[Injection]) -> wire::Run {
    let evidence = &run.evidence;
    let finite = |v: Option<f64>| v.filter(|v| v.is_finite());
    let from_ms = injections.get(run.injection).map_or(0, |i| i.from_ms);
    wire::Run {
        injection: run.injection,
        word: word(run.word),
        reason: run.reason.clone(),
        value: finite(evidence.value),
        worst: finite(evidence.worst),
        baseline: finite(evidence.baseline),
        windowed: finite(evidence.windowed),
        allowed: evidence.allowed,
        bad_share: finite(evidence.bad_share),
        interval: evidence.interval,
        total: evidence.total,
        bad: evidence.bad,
        excess: evidence.excess,
        samples: evidence.samples,
        strikes: evidence.strikes,
        gaps: evidence.gaps,
        // JSON has no infinity, and beyond this nobody doubts any more.
        e: evidence.e.map(|e| e.min(1e300)).filter(|e| !e.is_nan()),
        budget: finite(evidence.budget),
        breaker: evidence.breaker.map(|seen| wire::Breaker {
            opened_ms: seen.opened_ms.map(|ms| ms - from_ms),
            closed_ms: seen.closed_ms.map(|ms| ms - from_ms),
            worst: seen.worst,
            proven: seen.proven,
        }),
        points: (evidence.points.iter())
            .map(|p| wire::Point {
                t_ms: p.t_ms,
                value: finite(p.value),
                total: p.total,
                anomalous: p.anomalous,
            })
            .collect(),
        cause: run.blame.as_ref().map(|blame| cause(blame, injections)),
    }
}

fn cause(blame: &Blame, injections: &[Injection]) -> wire::Cause {
    let tag = |tag: &Tag, declared: bool| {
        let finite = |v: Option<f64>| v.filter(|v| v.is_finite());
        let effect = tag.effect.map(|e| (e.value, e.low, e.high));
        let whole = |(a, b, c): &(f64, f64, f64)| [a, b, c].iter().all(|v| v.is_finite());
        let step = |step: &squall_judge::attribution::Step| {
            let answer = match step.check {
                Check::Passed => "",
                Check::Failed => "no: ",
                Check::NoData => "no data: ",
            };
            format!("{}: {answer}{}", step.rung.letter(), step.text)
        };
        wire::Tag {
            injection: injections.iter().position(|i| i.id == tag.injection),
            rung: tag.rung.letter().to_string(),
            word: tag.word.to_string(),
            declared,
            share: finite(tag.share),
            effect: effect.filter(whole),
            p: finite(tag.p),
            steps: tag.steps.iter().map(step).collect(),
        }
    };
    let declared = blame.tags.iter().map(|t| tag(t, true));
    wire::Cause {
        text: blame.text.clone(),
        tags: declared.chain(blame.undeclared.iter().map(|t| tag(t, false))).collect(),
        ruled_out: blame.ruled_out.iter().map(|t| tag(t, true)).collect(),
    }
}
