//! The matrix for CI: a suite a service, a case a rule and fault. ❌ is a failure, ❔ an error.

use super::{facts, fault_name, rule_name, service_name, tag_sentence};
use crate::formats::junit::escape;
use crate::number;
use squall_wire::matrix::{Cell, Matrix, Row, Word};

pub(super) fn render(matrix: &Matrix, _: bool) -> String {
    let totals = |cells: &[&Cell]| {
        let count = |f: fn(Word) -> bool| cells.iter().filter(|cell| f(cell.word)).count();
        format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\"",
            cells.len(),
            count(|word| word == Word::Refuted),
            count(|word| matches!(word, Word::Inconclusive | Word::Invalid))
        )
    };
    let all: Vec<&Cell> = matrix.cells().collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out.push_str(&format!("<testsuites name=\"squall sla\" {}>\n", totals(&all)));
    let mut rest = matrix.rows.as_slice();
    let mut id = 0;
    while let Some(first) = rest.first() {
        let many = rest.iter().take_while(|row| row.service == first.service).count();
        let (rows, after) = rest.split_at(many);
        let cells: Vec<&Cell> = rows.iter().flat_map(|row| &row.cells).collect();
        let service = escape(service_name(&first.service));
        let at = number::iso(matrix.made_unix_ms);
        out.push_str(&format!(
            "  <testsuite name=\"{service}\" id=\"{id}\" {} timestamp=\"{}\">\n",
            totals(&cells),
            at.trim_end_matches('Z')
        ));
        for row in rows {
            cases(matrix, row, &service, &mut out);
        }
        out.push_str("  </testsuite>\n");
        (rest, id) = (after, id + 1);
    }
    out.push_str("</testsuites>\n");
    out
}

fn cases(matrix: &Matrix, row: &Row, service: &str, out: &mut String) {
    for (cell, column) in row.cells.iter().zip(&matrix.columns) {
        let fault = fault_name(&column.fault, &column.target);
        let name = escape(&format!("{} under {fault}", rule_name(row)));
        out.push_str(&format!("    <testcase classname=\"{service}\" name=\"{name}\""));
        let run = cell.runs.get(cell.shown);
        let mut lines = vec![format!("bound: {}", row.bound)];
        let mut reason = "no data".to_owned();
        if let Some(run) = run {
            reason.clone_from(&run.reason);
            lines.extend(facts(matrix, row, run).iter().map(|(n, text)| format!("{n}: {text}")));
            for tag in run.cause.iter().flat_map(|cause| &cause.tags) {
                let (name, said) = tag_sentence(matrix, tag);
                lines.push(format!("cause: {name}: {said}"));
            }
        }
        let (tag, kind) = match cell.word {
            Word::Held => ("system-out", ""),
            Word::Refuted => ("failure", " type=\"refuted\""),
            Word::Inconclusive => ("error", " type=\"inconclusive\""),
            Word::Invalid => ("error", " type=\"invalid\""),
        };
        let message = match cell.word {
            Word::Held => String::new(),
            _ => format!(" message=\"{}\"", escape(&reason)),
        };
        let body = escape(&lines.join("\n"));
        out.push_str(&format!(">\n      <{tag}{kind}{message}>{body}</{tag}>\n    </testcase>\n"));
    }
}
