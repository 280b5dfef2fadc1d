//! The matrix for a pull request: one table a service, and under it what is not held.

use super::{
    facts, fault_name, main_value, rule_name, service_name, size, small, summary, tag_sentence,
};
use crate::width;
use squall_wire::matrix::{Matrix, Row, Word};

pub(super) fn render(matrix: &Matrix, _: bool) -> String {
    let mut out = format!("# SLA matrix\n\n{}. {}\n", size(matrix), summary(matrix));
    let mut rest = matrix.rows.as_slice();
    while let Some(first) = rest.first() {
        let many = rest.iter().take_while(|row| row.service == first.service).count();
        let (service, after) = rest.split_at(many);
        out.push_str(&format!("\n## {}\n\n", escape(service_name(&first.service))));
        table(matrix, service, &mut out);
        rest = after;
    }
    details(matrix, &mut out);
    if !matrix.notes.is_empty() {
        out.push('\n');
        matrix.notes.iter().for_each(|note| out.push_str(&format!("- {}\n", escape(note))));
    }
    out.push_str(
        "\nRungs of a cause: A coincident, B on the path, C bit at the target, D attributed, \
         E caused. ❔ never counts as ✅.\n",
    );
    out
}

fn table(matrix: &Matrix, rows: &[Row], out: &mut String) {
    out.push_str("| rule | bound |");
    for column in &matrix.columns {
        out.push_str(&format!(" {} |", escape(&fault_name(&column.fault, &column.target))));
    }
    out.push_str("\n|---|---|");
    out.push_str(&"---|".repeat(matrix.columns.len()));
    out.push('\n');
    for row in rows {
        out.push_str(&format!("| {} | {} |", escape(&rule_name(row)), escape(&row.bound)));
        for cell in &row.cells {
            let text = cell.runs.get(cell.shown).map_or_else(String::new, |run| {
                format!("{}, {}", main_value(row, run), small(matrix, cell, run))
            });
            out.push_str(&format!(" {} {} |", cell.word.sign(), escape(&text)));
        }
        out.push('\n');
    }
}

fn details(matrix: &Matrix, out: &mut String) {
    for row in &matrix.rows {
        for (cell, column) in row.cells.iter().zip(&matrix.columns) {
            let Some(run) = cell.runs.get(cell.shown).filter(|_| cell.word != Word::Held) else {
                continue;
            };
            let fault = fault_name(&column.fault, &column.target);
            out.push_str(&format!(
                "\n### {} {}, {}\n\n{}: {}.\n",
                cell.word.sign(),
                escape(&rule_name(row)),
                escape(&fault),
                cell.word.name(),
                escape(&run.reason)
            ));
            if cell.word != Word::Refuted {
                continue;
            }
            out.push('\n');
            for (name, text) in facts(matrix, row, run) {
                out.push_str(&format!("- {name}: {}\n", escape(&text)));
            }
            for tag in run.cause.iter().flat_map(|cause| &cause.tags) {
                let (name, said) = tag_sentence(matrix, tag);
                out.push_str(&format!("- cause: {}: {}\n", escape(&name), escape(&said)));
            }
            if let Some(cause) = run.cause.as_ref().filter(|cause| cause.tags.is_empty()) {
                out.push_str(&format!("- cause: {}\n", escape(&cause.text)));
            }
        }
    }
}

/// Text on one line that Markdown does not read as its own signs.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in width::one_line(text).chars() {
        if matches!(c, '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '\\' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
