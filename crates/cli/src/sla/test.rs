//! `squall sla test`: rules against series, as cases in Markdown.

use super::plural;
use crate::context::{Context, Output};
use crate::exit::Exit;
use crate::files;
use squall_judge::matrix::cases::{Case, run as run_cases, updated};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Pages with blocks of sla, series, faults and matrix, as docs/language/matrix.md has them
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Writes the cells that were found into the pages
    #[arg(long)]
    update: bool,
}

pub(crate) fn run(context: &Context, options: &Options) -> Exit {
    let (mut failed, mut bad) = (0, false);
    let mut documents = Vec::new();
    for path in &options.files {
        let text = match files::read_among(context, path, "a Markdown file of cases") {
            Ok(text) => text,
            Err(document) => {
                documents.push(document);
                bad = true;
                continue;
            }
        };
        let cases = run_cases(&text.text);
        if cases.is_empty() {
            let help =
                "a case is a block of sla, series, faults and matrix: docs/language/matrix.md";
            let message = format!("{} has no case", text.name);
            documents.push(context.error_among(&message, Some(help)));
            bad = true;
            continue;
        }
        let wrong: Vec<&Case> = cases.iter().filter(|case| !case.holds()).collect();
        wrong.iter().for_each(|case| context.note(&difference(&text.name, case)));
        if context.output == Output::Text {
            let sign = if wrong.is_empty() { "✓" } else { "✗" };
            let count = format!("{} of {}", cases.len() - wrong.len(), plural(cases.len(), "case"));
            context.data(&format!("{sign} {}   {count}\n", text.name));
        }
        documents.push(serde_json::json!({
            "file": text.name, "cases": cases.len(), "failed": wrong.len(),
        }));
        if options.update && !wrong.is_empty() {
            if let Err(why) = std::fs::write(path, updated(&text.text)) {
                let message = format!("cannot write {}: {why}", path.display());
                documents.push(context.error_among(&message, Some("check its permissions")));
                bad = true;
            } else {
                context.note(&format!("wrote {}", text.name));
            }
        }
        failed += wrong.len();
    }
    if context.output == Output::Json {
        context.json(&serde_json::json!({ "files": documents }));
    }
    context.end(match (bad, failed) {
        (true, _) => Exit::Bad("bad input"),
        (_, 0) => Exit::Fine("fine"),
        _ => Exit::Refuted,
    })
}

fn difference(name: &str, case: &Case) -> String {
    let mut out = format!("{name}:{}: the block says otherwise\n", case.line);
    for line in case.expected.lines().filter(|line| !case.found.contains(line)) {
        out.push_str(&format!("  - {line}\n"));
    }
    for line in case.found.lines().filter(|line| !case.expected.contains(line)) {
        out.push_str(&format!("  + {line}\n"));
    }
    out
}
