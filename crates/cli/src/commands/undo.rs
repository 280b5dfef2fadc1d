//! `squall undo`: the panic button. Restores everything on this host, from receipts, with or
//! without a running agent.

use super::{Verb, options};
use crate::context::{Context, Output};
use crate::exit::Exit;
use clap::ArgMatches;
use squall_agent::paths::Paths;
use squall_agent::undo::{Line, Report, undo_all};
use std::fmt::Write as _;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("undo", "Restores everything on this host, from receipts", run);

#[derive(clap::Args)]
struct Options {}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options {} = options(matches);
    let report = match undo_all(&Paths::from_env()) {
        Ok(report) => report,
        Err(why) => {
            let help = "receipts are readable with cat; SQUALL_STATE names another folder";
            context.error(&why.to_string(), Some(help));
            return context.end(Exit::NotRestored);
        }
    };
    match context.output {
        Output::Text => context.data(&text(&report)),
        Output::Json => context.json(&serde_json::json!({
            "restored": lines(&report.restored), "stuck": lines(&report.stuck),
            "byAgent": report.by_agent,
        })),
    }
    let stuck = !report.stuck.is_empty();
    context.end(if stuck { Exit::NotRestored } else { Exit::Fine("restored") })
}

fn lines(lines: &[Line]) -> serde_json::Value {
    let line = |l: &Line| {
        serde_json::json!({
            "receipt": l.receipt, "run": l.run, "injection": l.injection, "advice": l.advice,
        })
    };
    lines.iter().map(line).collect()
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    for line in &report.restored {
        let _ =
            writeln!(out, "✓ {}   run {}, injection {}", line.receipt, line.run, line.injection);
    }
    for line in &report.stuck {
        let _ = writeln!(out, "! {}   {}", line.receipt, line.advice);
    }
    if out.is_empty() {
        out.push_str("Nothing was armed on this host.\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_host_says_so_and_a_stuck_receipt_says_what_to_type() {
        let mut report = Report::default();
        assert_eq!(text(&report), "Nothing was armed on this host.\n");
        report.stuck.push(Line {
            receipt: "r-1".into(),
            run: "7k2f9".into(),
            injection: "i1".into(),
            advice: "still stopped; try: kill -CONT 4121".into(),
        });
        assert_eq!(text(&report), "! r-1   still stopped; try: kill -CONT 4121\n");
    }
}
