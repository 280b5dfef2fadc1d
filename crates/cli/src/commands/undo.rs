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
            "byAgent": report.by_agent, "unreadable": report.unreadable,
        })),
    }
    if !report.unreadable.is_empty() {
        let journal = Paths::from_env().state_dir.join("journal");
        context.note(&format!(
            "what the unreadable lines held may still be in place: `squall fingerprint` shows what \
             is there; look at {}, and move it away once nothing is",
            journal.display()
        ));
    }
    let stuck = !report.stuck.is_empty() || !report.unreadable.is_empty();
    context.end(if stuck { Exit::NotRestored } else { Exit::Fine("restored") })
}

fn lines(lines: &[Line]) -> serde_json::Value {
    let line = |l: &Line| {
        serde_json::json!({
            "receipt": l.receipt, "run": l.run, "injection": l.injection, "advice": l.advice,
            "fault": l.fault, "target": l.target,
        })
    };
    lines.iter().map(line).collect()
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    for line in &report.restored {
        let _ = writeln!(out, "✓ restored      {}", named(line));
    }
    for line in &report.stuck {
        let _ = writeln!(out, "! not restored  {}\n  {}", named(line), line.advice);
    }
    for (number, why) in &report.unreadable {
        let _ = writeln!(out, "? not known     line {number} of the journal: {why}");
    }
    if out.is_empty() {
        out.push_str("Nothing was armed on this host.\n");
    }
    out
}

/// `process.pause on payment-1   run 7k2f9, injection i1, receipt r-7k2f9-i1`.
fn named(line: &Line) -> String {
    let Line { receipt, run, injection, fault, target, .. } = line;
    let what = if fault.is_empty() { "a fault".to_owned() } else { format!("{fault} on {target}") };
    format!("{what}   run {run}, injection {injection}, receipt {receipt}")
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
            fault: "process.pause".into(),
            target: "payment-1".into(),
            advice: "still stopped; try: kill -CONT 4121".into(),
        });
        report.unreadable.push((3, "checksum does not match".into()));
        assert_eq!(
            text(&report),
            "! not restored  process.pause on payment-1   run 7k2f9, injection i1, receipt r-1\n  \
             still stopped; try: kill -CONT 4121\n\
             ? not known     line 3 of the journal: checksum does not match\n"
        );
    }
}
