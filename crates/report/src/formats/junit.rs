//! JUnit XML for CI: one test case an indicator, and one for the restored host. A refuted
//! indicator is a failure; what could not be decided is an error, never a pass.

use crate::format::{Format, Options};
use crate::model::{Model, Row, Standing, Tone};
use crate::number;
use squall_wire::record::{Outcome, Word};

/// This format.
pub const FORMAT: Format =
    Format { name: "junit", extension: "xml", media_type: "application/xml", render };

/// What became of one test case.
enum Case {
    Passed,
    Failed(String),
    Error(&'static str, String),
    Skipped(String),
}

fn render(model: &Model, _options: &Options) -> String {
    let mut cases: Vec<(String, String, Case)> = model
        .rows
        .iter()
        .map(|row| (row.name.clone(), evidence(row), indicator(model, row)))
        .collect();
    cases.push(("restored".into(), String::new(), restored(model)));
    let count = |f: fn(&Case) -> bool| cases.iter().filter(|(_, _, case)| f(case)).count();
    let failures = count(|c| matches!(c, Case::Failed(_)));
    let errors = count(|c| matches!(c, Case::Error(..)));
    let skipped = count(|c| matches!(c, Case::Skipped(_)));
    let totals = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" \
         time=\"{:.3}\"",
        cases.len(),
        model.took_s
    );
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name = escape(&model.experiment);
    out.push_str(&format!("<testsuites name=\"squall\" {totals}>\n"));
    out.push_str(&format!(
        "  <testsuite name=\"{name}\" id=\"0\" {totals} timestamp=\"{}\" hostname=\"{}\">\n",
        number::iso(model.started_unix_ms).trim_end_matches('Z'),
        escape(&model.host),
    ));
    properties(model, &mut out);
    for (case_name, evidence, case) in &cases {
        let took = model.took_s / cases.len() as f64;
        test_case(&name, &escape(case_name), evidence, case, took, &mut out);
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn properties(model: &Model, out: &mut String) {
    let exit = model.exit.map_or("none".into(), |e| e.to_string());
    let properties = [
        ("run", model.run.as_str()),
        ("verdict", model.standing.word()),
        ("exit", &exit),
        ("sentence", &model.sentence),
        ("hypothesis", &model.hypothesis),
        ("squall", &model.squall),
    ];
    out.push_str("    <properties>\n");
    for (name, value) in properties {
        let value = escape(value);
        out.push_str(&format!("      <property name=\"{name}\" value=\"{value}\"/>\n"));
    }
    out.push_str("    </properties>\n");
}

fn test_case(class: &str, name: &str, evidence: &str, case: &Case, took: f64, out: &mut String) {
    let open = format!("    <testcase classname=\"{class}\" name=\"{name}\" time=\"{took:.3}\"");
    let (tag, kind, message) = match case {
        Case::Passed => ("", "", ""),
        Case::Failed(message) => ("failure", "refuted", message.as_str()),
        Case::Error(kind, message) => ("error", *kind, message.as_str()),
        Case::Skipped(message) => ("skipped", "", message.as_str()),
    };
    if tag.is_empty() {
        let evidence = escape(evidence);
        if evidence.is_empty() {
            out.push_str(&format!("{open}/>\n"));
        } else {
            out.push_str(&format!(
                "{open}>\n      <system-out>{evidence}</system-out>\n    </testcase>\n"
            ));
        }
        return;
    }
    let kind = if kind.is_empty() { String::new() } else { format!(" type=\"{kind}\"") };
    out.push_str(&format!(
        "{open}>\n      <{tag}{kind} message=\"{}\">{}</{tag}>\n    </testcase>\n",
        escape(message),
        escape(evidence),
    ));
}

fn indicator(model: &Model, row: &Row) -> Case {
    let head = format!("{}: {}", row.name, row.text);
    let whole = || format!("{}: {}", model.standing.word(), model.sentence);
    match (model.word, row.outcome) {
        (None, _) => Case::Error("interrupted", whole()),
        (Some(Word::Invalid), _) => Case::Error("invalid", whole()),
        (_, Outcome::Fail) => Case::Failed(head),
        (_, Outcome::Pass) => Case::Passed,
        (Some(Word::Aborted), _) => Case::Error("aborted", whole()),
        (_, Outcome::Undecided) => Case::Error("inconclusive", head),
    }
}

fn restored(model: &Model) -> Case {
    let end = model.ends.iter().find(|e| matches!(e.label, "restored" | "untouched"));
    let text = end.map_or(String::new(), |e| e.text.clone());
    let now: Vec<&str> =
        model.actions.iter().filter(|a| a.command).map(|a| a.text.as_str()).collect();
    match (model.standing, end.map(|e| e.tone)) {
        (Standing::NotRestored, _) => {
            Case::Failed(format!("{}; do this now: {}", model.sentence, now.join("; ")))
        }
        (_, Some(Tone::Act)) => Case::Error("interrupted", format!("{text}; {}", now.join("; "))),
        (_, _) if end.is_some_and(|e| e.label == "untouched") => Case::Skipped(text),
        _ => Case::Passed,
    }
}

fn evidence(row: &Row) -> String {
    let mut lines = vec![
        format!("bound     {}", row.bound),
        format!("baseline  {}", row.baseline),
        format!("worst     {}", row.worst),
        format!("during    {}, 99 %, n {}", row.during.text(), row.n_text()),
        format!("E         {}, {} anomalous of {} samples", row.e_text(), row.strikes, row.samples),
        format!("query     {}", row.query),
    ];
    if row.gaps > 0 {
        lines.push(format!("gaps      {}", row.gaps));
    }
    lines.join("\n")
}

/// Text for XML 1.0: markup escaped, characters that XML cannot hold replaced.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control()
                || crate::width::reorders(c)
                || matches!(c, '\u{fffe}' | '\u{ffff}') =>
            {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}
