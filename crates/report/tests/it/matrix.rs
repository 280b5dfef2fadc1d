//! The matrix in every format: each sign with its word and number, and nothing from outside gets
//! out of its place.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use squall_report::matrix::{ALL, find};
use squall_wire::matrix::{Matrix, Word};

fn sample() -> Matrix {
    let text = include_str!("../../../wire/vectors/matrix.v1.jsonl");
    serde_json::from_str(text.trim_end()).unwrap()
}

fn render(name: &str, matrix: &Matrix) -> String {
    (find(name).unwrap().render)(matrix, false)
}

#[test]
fn every_format_shows_the_signs_the_numbers_and_the_cause() {
    let matrix = sample();
    for name in ["text", "markdown"] {
        let out = render(name, &matrix);
        for phrase in ["✅", "❌", "❔", "下单成功率", "71.3 %", "n 6,270", "cpu.load", "no data"]
        {
            assert!(out.contains(phrase), "{phrase} in {name}:\n{out}");
        }
        assert!(out.contains("attributed, rung D: 94.0 % of the excess"), "{out}");
        assert!(out.contains("1 error in report.json"), "{out}");
    }
    let json: Matrix = serde_json::from_str(&render("json", &matrix)).unwrap();
    assert_eq!(json, matrix);
}

#[test]
fn junit_counts_a_refuted_cell_as_failure_and_an_undecided_one_as_error() {
    let out = render("junit", &sample());
    assert!(out.contains("tests=\"3\" failures=\"1\" errors=\"1\""), "{out}");
    assert_eq!(out.matches("<failure type=\"refuted\"").count(), 1);
    assert_eq!(out.matches("<error type=\"inconclusive\"").count(), 1);
    assert_eq!(out.matches("<system-out>").count(), 1);
}

#[test]
fn the_page_needs_no_script_and_nothing_from_outside() {
    let out = render("html", &sample());
    for forbidden in ["<script", "href=\"http", "src=", "@import", "url(", "style=\""] {
        assert!(!out.contains(forbidden), "{forbidden}");
    }
    for phrase in ["prefers", "light-dark(", "id=\"d0-0\"", "checked>", "不成立", "证据不足"]
    {
        let needed = phrase != "prefers";
        assert_eq!(out.contains(phrase), needed, "{phrase}");
    }
    // One evidence a cell, and the refuted one is open at first.
    assert_eq!(out.matches("<section class=\"detail").count(), 3);
    assert!(out.contains("id=\"r0-0\" checked"));
}

#[test]
fn lines_on_a_terminal_are_at_most_a_hundred_columns() {
    let mut matrix = sample();
    let check = |matrix: &Matrix| {
        for line in render("text", matrix).lines() {
            let signs = line.chars().filter(|c| matches!(c, '✅' | '❌' | '❔')).count();
            assert!(squall_report::width::of(line) + signs <= 100, "{line}");
        }
    };
    check(&matrix);
    // Many columns turn the grid into a list.
    let column = matrix.columns[0].clone();
    for row in &mut matrix.rows {
        row.cells = vec![row.cells[0].clone(); 12];
    }
    matrix.columns = vec![column; 12];
    check(&matrix);
    assert_eq!(render("text", &matrix).matches("❌ 71.3 %").count(), 12);
}

#[test]
fn names_from_outside_stay_names() {
    let mut matrix = sample();
    let evil = "<img src=x onerror=alert(1)>\u{1b}[2J|`x`\u{202e}";
    matrix.rows[0].rule = evil.into();
    matrix.rows[0].service = evil.into();
    matrix.columns[0].fault = evil.into();
    matrix.columns[0].target = evil.into();
    matrix.rules = evil.into();
    matrix.notes = vec![evil.into()];
    for run in &mut matrix.rows[0].cells[0].runs {
        run.reason = evil.into();
        run.value = Some(f64::MAX);
        run.points.clear();
    }
    for format in ALL.iter().filter(|format| format.name != "json") {
        let out = (format.render)(&matrix, false);
        assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}'), "{}", format.name);
        let tags = out.matches("<img").count();
        match format.name {
            "text" => {}
            // A backslash before it makes it text.
            "markdown" => assert_eq!(tags, out.matches("\\<img").count()),
            _ => assert_eq!(tags, 0, "{}", format.name),
        }
    }
}

#[test]
fn an_empty_matrix_is_shown_and_counts_nothing() {
    let mut matrix = sample();
    matrix.rows.clear();
    matrix.columns.clear();
    assert_eq!(matrix.count(Word::Held), 0);
    for format in ALL {
        assert!(!(format.render)(&matrix, true).is_empty());
    }
}

#[test]
fn what_a_switch_showed_is_told_and_what_it_ruled_out_is_told_by_the_step_that_did() {
    let mut matrix = sample();
    let cause = (matrix.rows.iter_mut().flat_map(|row| &mut row.cells))
        .flat_map(|cell| &mut cell.runs)
        .find_map(|run| run.cause.as_mut().filter(|cause| !cause.tags.is_empty()));
    let cause = cause.expect("the sample has a cause");
    let steps = |all: &[&str]| all.iter().map(ToString::to_string).collect();
    let tag = &mut cause.tags[0];
    (tag.rung, tag.word, tag.share, tag.p) =
        ("D".into(), "attributed".into(), Some(0.4), Some(0.1));
    tag.steps = steps(&["D: 40 % of the excess followed its switch", "E: no data: no test"]);
    let mut idle = tag.clone();
    idle.steps = steps(&["D: no: 0 % of the excess followed its switch", "E: no data: no test"]);
    cause.ruled_out = vec![idle];
    for name in ["text", "markdown", "junit"] {
        let shown = render(name, &matrix);
        assert!(shown.contains("attributed, rung D: 40.0 % of the excess; no test"), "{shown}");
    }
    for name in ["text", "html"] {
        let shown = render(name, &matrix);
        assert!(shown.contains("D: no: 0"), "{shown}");
    }
}

#[test]
fn a_cell_whose_rule_another_fault_broke_names_that_fault() {
    let mut matrix = sample();
    let run = matrix.rows[0].cells[0].runs[0].clone();
    let own = matrix.injections[run.injection].clone();
    let tag = run.cause.as_ref().and_then(|cause| cause.tags.first());
    assert_eq!(tag.and_then(|tag| tag.injection), Some(run.injection), "the sample's own fault");
    for (fault, target, shown) in
        [("net.loss", "stock-1", "net.loss"), ("", "stock-1", "→ stock-1")]
    {
        let fault = if fault.is_empty() { own.fault.clone() } else { fault.to_owned() };
        matrix.injections.push(squall_wire::matrix::Injection {
            fault,
            target: target.into(),
            ..own.clone()
        });
        let last = matrix.injections.len() - 1;
        for run in &mut matrix.rows[0].cells[0].runs {
            if let Some(tag) = run.cause.as_mut().and_then(|cause| cause.tags.first_mut()) {
                (tag.injection, tag.rung) = (Some(last), "E".into());
            }
        }
        for name in ["text", "markdown", "html"] {
            let page = render(name, &matrix);
            assert!(page.contains(&format!("E {shown}")), "{name}: {page}");
        }
    }
}
