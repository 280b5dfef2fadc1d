//! `squall doctor`: which mechanisms this host offers, by trial, and why not.

use super::{Verb, options};
use crate::context::{Context, Output};
use crate::exit::Exit;
use clap::ArgMatches;
use squall_faults::catalog;
use squall_faults::fault::Need;
use squall_faults::sys::doctor;
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("doctor", "Tries each mechanism on this host and says why not", run);

#[derive(clap::Args)]
struct Options {}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options {} = options(matches);
    // Several faults share a need; each is tried once.
    let mut trials: BTreeMap<Need, Result<String, String>> = BTreeMap::new();
    for entry in catalog::ALL {
        for need in entry.fault.describe().needs {
            trials.entry(*need).or_insert_with(|| doctor::trial(*need));
        }
    }
    let rows: Vec<Row> = catalog::ALL
        .iter()
        .map(|entry| {
            let d = entry.fault.describe();
            let failed = d.needs.iter().find_map(|need| trials[need].as_ref().err().cloned());
            Row { fault: d.name, acts: d.acts, death: d.death.word(), failed }
        })
        .collect();
    match context.output {
        Output::Json => context.json(&as_json(&rows, &trials)),
        Output::Text => context.data(&table(&rows, &trials)),
    }
    context.end(Exit::Fine("fine"))
}

struct Row {
    fault: &'static str,
    acts: &'static str,
    death: &'static str,
    failed: Option<String>,
}

fn table(rows: &[Row], trials: &BTreeMap<Need, Result<String, String>>) -> String {
    let mut out = String::from("MECHANISM                HERE\n");
    for (need, result) in trials {
        let (word, text) = match result {
            Ok(text) => ("yes", text),
            Err(text) => ("no", text),
        };
        let _ = writeln!(out, "{:<25}{word:<5}{text}", need_name(*need));
    }
    let _ = writeln!(out, "\n{:<17}{:<7}{:<14}HOW IT ACTS", "FAULT", "HERE", "DIES BY");
    for row in rows {
        let here = if row.failed.is_none() { "yes" } else { "no" };
        let _ = writeln!(out, "{:<17}{here:<7}{:<14}{}", row.fault, row.death, row.acts);
        if let Some(why) = &row.failed {
            let _ = writeln!(out, "{:<24}because {why}", "");
        }
    }
    out
}

fn as_json(rows: &[Row], trials: &BTreeMap<Need, Result<String, String>>) -> serde_json::Value {
    let mechanisms: Vec<_> = trials
        .iter()
        .map(|(need, result)| {
            let detail = result.as_ref().unwrap_or_else(|why| why);
            serde_json::json!({
                "name": need_name(*need), "available": result.is_ok(), "detail": detail,
            })
        })
        .collect();
    let faults: Vec<_> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "name": row.fault, "available": row.failed.is_none(), "why": row.failed,
                "acts": row.acts, "diesBy": row.death,
            })
        })
        .collect();
    serde_json::json!({ "mechanisms": mechanisms, "faults": faults })
}

fn need_name(need: Need) -> &'static str {
    match need {
        Need::Root => "root",
        Need::Cgroup2 => "cgroup v2",
        Need::BpfCgroupConnect => "bpf cgroup/connect4, 6",
        Need::BpfSkLookup => "bpf sk_lookup",
        Need::BpfCgroupRedirect => "bpf cgroup redirect",
        Need::SockDestroy => "socket destroy",
    }
}
