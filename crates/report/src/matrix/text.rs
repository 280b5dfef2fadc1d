//! The matrix on a terminal: a grid where it fits, a list a rule where it does not, and under it
//! everything that is not held, with its evidence.

use super::{
    facts, fault_name, main_value, rule_name, ruled_by, service_name, size, small, standing,
    summary, tag_sentence, tag_text,
};
use crate::model::Tone;
use crate::style::{Paint, Style};
use crate::width;
use squall_wire::matrix::{Cell, Matrix, Word};

const WIDTH: usize = 100;
/// The narrowest column that holds a sign and a value.
const CELL_MIN: usize = 12;

pub(super) fn render(matrix: &Matrix, color: bool) -> String {
    let style = Style { color, ascii: false };
    let mut out = String::new();
    let title = style.paint("SLA matrix", Paint::Bold);
    out.push_str(&format!("{title}   {}, {}\n\n", size(matrix), width::one_line(&matrix.rules)));
    grid(matrix, style, &mut out);
    evidence(matrix, style, &mut out);
    for note in &matrix.notes {
        for line in width::wrap(&width::one_line(note), WIDTH - 8) {
            out.push_str(&format!("  note  {line}\n"));
        }
    }
    if !matrix.notes.is_empty() {
        out.push('\n');
    }
    out.push_str(&format!("{}\n", summary(matrix)));
    let key = "rungs: A coincident, B on the path, C bit at the target, D attributed, E caused";
    out.push_str(&format!("{}\n", style.paint(key, Paint::Dim)));
    out
}

fn tone(word: Word) -> Tone {
    match word {
        Word::Held => Tone::Held,
        Word::Refuted => Tone::Refuted,
        Word::Inconclusive => Tone::Inconclusive,
        Word::Invalid => Tone::Invalid,
    }
}

/// The two lines of a cell: sign and value, and what stands small beside it.
fn lines(matrix: &Matrix, row: usize, cell: &Cell) -> (String, String) {
    let run = cell.runs.get(cell.shown);
    let value = run.map_or_else(|| "–".into(), |run| main_value(&matrix.rows[row], run));
    (
        format!("{} {value}", cell.word.sign()),
        run.map(|run| small(matrix, cell, run)).unwrap_or_default(),
    )
}

/// The width of a sign: a terminal gives it two columns.
fn wide(text: &str) -> usize {
    let signs = text.chars().filter(|c| matches!(c, '✅' | '❌' | '❔')).count();
    width::of(text) + signs
}

fn left(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(wide(text))))
}

fn grid(matrix: &Matrix, style: Style, out: &mut String) {
    let names: Vec<String> = matrix.rows.iter().map(|r| width::one_line(&rule_name(r))).collect();
    let bounds: Vec<String> = matrix.rows.iter().map(|r| width::one_line(&r.bound)).collect();
    let first = names.iter().chain(&bounds).map(|n| wide(n)).max().unwrap_or(0).max(8) + 2;
    let cells: Vec<Vec<(String, String)>> = (matrix.rows.iter().enumerate())
        .map(|(at, row)| row.cells.iter().map(|cell| lines(matrix, at, cell)).collect())
        .collect();
    let columns: Vec<usize> = (0..matrix.columns.len())
        .map(|at| {
            let column = &matrix.columns[at];
            let in_cells = cells.iter().map(|row| wide(&row[at].0).max(wide(&row[at].1) + 3));
            let head = wide(&column.fault).max(wide(&column.target) + 2);
            in_cells.max().unwrap_or(0).max(head).max(CELL_MIN) + 2
        })
        .collect();
    if 2 + first + columns.iter().sum::<usize>() > WIDTH {
        return list(matrix, style, out);
    }
    let head = |of: &dyn Fn(usize) -> String| -> String {
        let line: String = (0..columns.len()).map(|at| left(&of(at), columns[at])).collect();
        format!("  {}{}", " ".repeat(first), line.trim_end())
    };
    let faults = head(&|at| width::one_line(&matrix.columns[at].fault));
    out.push_str(&format!("{}\n", style.paint(&faults, Paint::Bold)));
    let targets = head(&|at| match matrix.columns[at].target.as_str() {
        "" => String::new(),
        target => format!("→ {}", width::one_line(target)),
    });
    out.push_str(&format!("{}\n", style.paint(&targets, Paint::Dim)));
    let mut service = None;
    for (at, row) in matrix.rows.iter().enumerate() {
        if service != Some(&row.service) {
            let name = width::one_line(service_name(&row.service));
            out.push_str(&format!("{}\n", style.paint(&name, Paint::Dim)));
            service = Some(&row.service);
        }
        out.push_str(&format!("  {}", style.paint(&left(&names[at], first), Paint::Bold)));
        for ((value, _), (cell, to)) in cells[at].iter().zip(row.cells.iter().zip(&columns)) {
            out.push_str(&style.paint(&left(value, *to), Paint::Tone(tone(cell.word))));
        }
        out.truncate(out.trim_end().len());
        out.push_str(&format!("\n  {}", style.paint(&left(&bounds[at], first), Paint::Dim)));
        for ((_, small), to) in cells[at].iter().zip(&columns) {
            out.push_str(&style.paint(&left(&format!("   {small}"), *to), Paint::Dim));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out.push('\n');
}

/// Where the columns do not fit: every rule with its faults under it.
fn list(matrix: &Matrix, style: Style, out: &mut String) {
    let mut service = None;
    for (at, row) in matrix.rows.iter().enumerate() {
        if service != Some(&row.service) {
            let name = width::one_line(service_name(&row.service));
            out.push_str(&format!("{}\n", style.paint(&name, Paint::Dim)));
            service = Some(&row.service);
        }
        let name = style.paint(&width::one_line(&rule_name(row)), Paint::Bold);
        out.push_str(&format!(
            "  {name}   {}\n",
            style.paint(&width::one_line(&row.bound), Paint::Dim)
        ));
        for (cell, column) in row.cells.iter().zip(&matrix.columns) {
            let (value, small) = lines(matrix, at, cell);
            let fault = width::one_line(&fault_name(&column.fault, &column.target));
            let value = style.paint(&left(&value, 16), Paint::Tone(tone(cell.word)));
            let line =
                format!("    {value}{}{}", left(&fault, 40), style.paint(&small, Paint::Dim));
            out.push_str(&format!("{}\n", line.trim_end()));
        }
    }
    out.push('\n');
}

/// Everything that is not held, the refuted first.
fn evidence(matrix: &Matrix, style: Style, out: &mut String) {
    for word in [Word::Refuted, Word::Invalid, Word::Inconclusive] {
        for row in &matrix.rows {
            for (cell, column) in row.cells.iter().zip(&matrix.columns) {
                let Some(run) = cell.runs.get(cell.shown).filter(|_| cell.word == word) else {
                    continue;
                };
                let service = if row.service.is_empty() { "" } else { &row.service };
                let head = format!("{} {}", cell.word.sign(), cell.word.name().to_uppercase());
                let name = format!("{service} {}", rule_name(row)).trim().to_owned();
                let fault = fault_name(&column.fault, &column.target);
                out.push_str(&format!(
                    "{}   {}   {}\n",
                    style.paint(&head, Paint::Loud(tone(word))),
                    style.paint(&width::one_line(&name), Paint::Bold),
                    style.paint(&width::one_line(&fault), Paint::Tone(Tone::Inject)),
                ));
                line(out, "why", &run.reason);
                if word == Word::Refuted {
                    facts(matrix, row, run).iter().for_each(|(name, text)| line(out, name, text));
                    causes(matrix, run, out);
                    standing(matrix, cell).iter().for_each(|text| line(out, "weight", text));
                }
                out.push('\n');
            }
        }
    }
}

fn causes(matrix: &Matrix, run: &squall_wire::matrix::Run, out: &mut String) {
    let Some(cause) = &run.cause else { return };
    if cause.tags.is_empty() {
        line(out, "cause", &cause.text);
    }
    for (at, tag) in cause.tags.iter().enumerate() {
        let (name, said) = tag_sentence(matrix, tag);
        line(out, if at == 0 { "cause" } else { "also" }, &format!("{name}, {said}"));
    }
    for tag in &cause.ruled_out {
        let (name, _) = tag_text(matrix, tag);
        line(out, "ruled out", &format!("{name}: {}", ruled_by(tag)));
    }
}

fn line(out: &mut String, name: &str, text: &str) {
    for (at, part) in width::wrap(&width::one_line(text), WIDTH - 17).iter().enumerate() {
        let name = if at == 0 { name } else { "" };
        out.push_str(&format!("  {name:<14} {part}\n"));
    }
}
