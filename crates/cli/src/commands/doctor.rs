//! `squall doctor`: which mechanisms this host offers, by trial, and why not.

use super::{Verb, options};
use crate::columns::Columns;
use crate::context::{Context, Output};
use crate::exit::Exit;
use crate::host;
use clap::ArgMatches;
use squall_agent::privilege::KEPT;
use squall_faults::catalog::{self, Entry};
use squall_faults::effect::Mechanism;
use squall_faults::fault::Need;
use squall_faults::sys::doctor;
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("doctor", "Tries each mechanism on this host and says why not", run);

/// The queue that delays and loses packets.
const NETEM: &str = "netem queue";
const NETEM_UNUSED: &str = "faults on packets act by tcx, TAP and HTB, on every kernel alike";

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
    let rows: Vec<Row> = catalog::ALL.iter().flat_map(|entry| rows(entry, &trials)).collect();
    match context.output {
        Output::Json => {
            let mut json = as_json(&rows, &trials);
            json["agent"] = privileges_json();
            json["unused"] = unused_json();
            json["redirectsOfOthers"] = redirects_json();
            context.json(&json);
        }
        Output::Text => {
            let parts = [table(&rows, &trials), unused(), redirects(), privileges()];
            context.data(&parts.concat());
        }
    }
    context.end(Exit::Fine("fine"))
}

/// One way in which a fault can act.
struct Row {
    fault: &'static str,
    mechanism: &'static str,
    death: &'static str,
    /// How it was found to work, or why it does not.
    here: Result<String, String>,
}

/// The rows of a fault, in the order in which it tries its mechanisms.
fn rows(entry: &'static Entry, trials: &BTreeMap<Need, Result<String, String>>) -> Vec<Row> {
    let d = entry.fault.describe();
    let needs = d.needs.iter().try_for_each(|need| trials[need].clone().map(drop));
    let own = doctor::mechanisms(d.name);
    if own.is_empty() {
        let here = needs.map(|()| d.acts.to_owned());
        return vec![Row { fault: d.name, mechanism: d.acts, death: d.death.word(), here }];
    }
    let row = |mechanism: &Mechanism| {
        let here = needs.clone().and_then(|()| doctor::tried(d.name, mechanism));
        Row { fault: d.name, mechanism: mechanism.name, death: mechanism.death.word(), here }
    };
    own.iter().map(row).collect()
}

fn table(rows: &[Row], trials: &BTreeMap<Need, Result<String, String>>) -> String {
    let mut needs = Columns::under(&["MECHANISM", "HERE", ""]);
    for (need, result) in trials {
        let (word, text) = answer(result);
        needs.row(&[need.word(), word, text]);
    }
    let mut faults = Columns::under(&["FAULT", "HERE", "DIES BY", "MECHANISM"]);
    let mut last = "";
    for row in rows {
        // The further mechanisms of a fault stand below its first: the order of falling back.
        let fault = if row.fault == last { "" } else { row.fault };
        last = row.fault;
        let (here, text) = answer(&row.here);
        faults.row(&[fault, here, row.death, row.mechanism]);
        match &row.here {
            Err(why) => faults.row(&["", "", "", &format!("because {why}")]),
            Ok(_) if text != row.mechanism => faults.row(&["", "", "", text]),
            Ok(_) => {}
        }
    }
    format!("{}\n{}", needs.text(), faults.text())
}

fn answer(tried: &Result<String, String>) -> (&'static str, &str) {
    match tried {
        Ok(how) => ("yes", how),
        Err(why) => ("no", why),
    }
}

/// What a host may offer and no fault uses, with the reason.
fn unused() -> String {
    let tried = doctor::netem();
    let (word, text) = answer(&tried);
    let mut columns = Columns::under(&["NOT USED", "HERE", ""]);
    columns.row(&[NETEM, word, &format!("{text}; {NETEM_UNUSED}")]);
    format!("\n{}", columns.text())
}

fn unused_json() -> serde_json::Value {
    let tried = doctor::netem();
    let detail = tried.as_ref().unwrap_or_else(|why| why);
    serde_json::json!([{
        "name": NETEM, "available": tried.is_ok(), "detail": detail, "why": NETEM_UNUSED,
    }])
}

/// Who else leads connections elsewhere here.
fn redirects() -> String {
    let mut out = String::from("\nREDIRECTS OF OTHERS\n");
    match doctor::redirects_of_others() {
        Ok(found) if found.is_empty() => out += "none in this network namespace, on no cgroup\n",
        Ok(found) => {
            found.iter().for_each(|line| out += &format!("{line}\n"));
            out += "A fault that leads connections through the proxy goes on beside them, or is\n\
                    refused with the name of what stands in its way.\n";
        }
        Err(why) => out += &format!("cannot be seen: {why}\n"),
    }
    out
}

fn redirects_json() -> serde_json::Value {
    match doctor::redirects_of_others() {
        Ok(found) => serde_json::json!({ "found": found }),
        Err(why) => serde_json::json!({ "unknown": why }),
    }
}

/// What an agent keeps of root's privileges, and whether the one that runs does.
fn privileges() -> String {
    let mut columns = Columns::under(&["KEPT BY THE AGENT", "FOR"]);
    for kept in KEPT {
        columns.row(&[kept.name, kept.why]);
    }
    let mut out = format!("\n{}", columns.text());
    let _ = match host::agent_privileges() {
        None => writeln!(out, "No agent runs here; one gives up all others when it starts."),
        Some((pid, names, 0)) => {
            writeln!(out, "The agent, pid {pid}, has {} of these and no others.", names.len())
        }
        Some((pid, _, others)) => {
            writeln!(out, "The agent, pid {pid}, has {others} others: end it with `squall undo`.")
        }
    };
    out
}

fn privileges_json() -> serde_json::Value {
    let kept: Vec<_> =
        KEPT.iter().map(|kept| serde_json::json!({"name": kept.name, "for": kept.why})).collect();
    let runs = host::agent_privileges().map(|(pid, names, others)| {
        serde_json::json!({"pid": pid, "capabilities": names, "others": others})
    });
    serde_json::json!({ "keeps": kept, "running": runs })
}

fn as_json(rows: &[Row], trials: &BTreeMap<Need, Result<String, String>>) -> serde_json::Value {
    let mechanisms: Vec<_> = trials
        .iter()
        .map(|(need, result)| {
            let detail = result.as_ref().unwrap_or_else(|why| why);
            serde_json::json!({
                "name": need.word(), "available": result.is_ok(), "detail": detail,
            })
        })
        .collect();
    let faults: Vec<_> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "name": row.fault, "mechanism": row.mechanism, "diesBy": row.death,
                "available": row.here.is_ok(),
                "how": row.here.as_ref().ok(), "why": row.here.as_ref().err(),
            })
        })
        .collect();
    serde_json::json!({ "mechanisms": mechanisms, "faults": faults })
}
