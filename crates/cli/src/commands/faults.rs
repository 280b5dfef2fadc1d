//! `squall faults`: the catalog as a table, one fault as a page, or what is armed now.

use super::{Verb, options};
use crate::columns::Columns;
use crate::context::{Context, Output};
use crate::exit::Exit;
use crate::host;
use clap::ArgMatches;
use squall_faults::catalog::{self, Entry};
use squall_faults::fault::{Description, Param};
use squall_faults::sys::doctor;
use squall_faults::sys::switch;
use squall_wire::protocol::ArmedLine;
use std::fmt::Write as _;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("faults", "Lists the faults, or explains one of them", run);

#[derive(clap::Args)]
struct Options {
    /// A fault, for example http.delay
    name: Option<String>,
    /// Lists what is armed on this host now
    #[arg(long, conflicts_with = "name")]
    armed: bool,
}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options { name, armed } = options(matches);
    if armed {
        return list_armed(context);
    }
    let Some(name) = name else {
        return list(context);
    };
    let Some(entry) = catalog::find(&name) else {
        let names = catalog::ALL.iter().map(|e| e.fault.describe().name);
        let near = squall_spec::closest(&name, names);
        let help = near.map_or_else(
            || "squall faults lists them all".to_owned(),
            |near| format!("did you mean {near}? squall faults lists them all"),
        );
        context.error(&format!("there is no fault {name}"), Some(&help));
        return context.end(Exit::Bad("bad input"));
    };
    match context.output {
        Output::Json => context.json(&as_json(entry)),
        Output::Text => context.data(&page(entry.fault.describe())),
    }
    context.end(Exit::Fine("fine"))
}

/// The faults by family, families in the order of their first fault's name.
fn list(context: &Context) -> Exit {
    if context.output == Output::Json {
        context.json(&catalog::ALL.iter().map(as_json).collect());
        return context.end(Exit::Fine("fine"));
    }
    let mut table = Columns::under(&["FAULT", "WHAT IT DOES", "ENDS BY", "HERE"]);
    let mut families: Vec<&str> = catalog::ALL.iter().map(|e| e.fault.describe().family).collect();
    families.sort_unstable();
    families.dedup();
    let mut available = 0;
    for family in families {
        table.line(family);
        for entry in catalog::ALL.iter().filter(|e| e.fault.describe().family == family) {
            let d = entry.fault.describe();
            let here = match doctor::available(entry.fault) {
                Ok(()) => {
                    available += 1;
                    "yes".to_owned()
                }
                Err(why) => format!("no, {why}"),
            };
            table.row(&[&format!("  {}", d.name), d.summary, d.death.word(), &here]);
        }
    }
    table.line("");
    table.line(&format!(
        "{} faults, {available} available here.   squall faults NAME for one of them   \
         squall doctor for the reasons",
        catalog::ALL.len()
    ));
    context.data(&table.text());
    context.end(Exit::Fine("fine"))
}

fn page(d: &Description) -> String {
    let mut params = Columns::default();
    for (title, all) in [("with", d.params), ("where", d.filters)] {
        if all.is_empty() {
            continue;
        }
        params.line("");
        params.line(&format!("  {title}"));
        for p in all {
            let fallback = match (p.required, p.default) {
                (true, _) => "required",
                (false, Some(default)) => default,
                (false, None) => "every one",
            };
            let about =
                format!("{}{}", p.kind.limits().map_or(String::new(), |r| r + "; "), p.help);
            params.row(&[&format!("    {}", p.name), p.kind.word(), fallback, &about]);
        }
    }
    let mut ways = Columns::default();
    for (word, text) in [("  acts", d.acts), ("  ends", d.ends), ("  spares", d.spares)] {
        ways.row(&[word, text]);
    }
    let mut out =
        format!("{}   {}\n{}\n{}\n  example\n\n", d.name, d.summary, params.text(), ways.text());
    for line in d.example.lines() {
        let _ = writeln!(out, "{}", format!("    {line}").trim_end());
    }
    out
}

fn as_json(entry: &Entry) -> serde_json::Value {
    let d = entry.fault.describe();
    let params = |params: &[Param]| -> serde_json::Value {
        params
            .iter()
            .map(|p| {
                serde_json::json!({
                    "name": p.name, "kind": p.kind.word(), "range": p.kind.limits(),
                    "default": p.default, "required": p.required, "help": p.help,
                })
            })
            .collect()
    };
    let here = doctor::available(entry.fault);
    serde_json::json!({
        "name": d.name, "family": d.family, "summary": d.summary, "endsBy": d.death.word(),
        "with": params(d.params), "where": params(d.filters), "acts": d.acts, "ends": d.ends,
        "spares": d.spares, "example": d.example,
        "available": here.is_ok(), "why": here.err(),
    })
}

fn list_armed(context: &Context) -> Exit {
    let armed = match host::armed() {
        Ok(armed) => armed,
        Err(why) => {
            context.error(&why, Some("squall undo restores everything, with or without an agent"));
            return context.end(Exit::Bad("no answer"));
        }
    };
    if context.output == Output::Json {
        let otherwise = disagreements(&armed);
        context.json(&serde_json::json!({ "armed": armed, "kernelSaysOtherwise": otherwise }));
        return context.end(Exit::Fine("fine"));
    }
    context.data(&armed_table(&armed));
    for line in disagreements(&armed) {
        context.data(&format!("The kernel says otherwise: {line}.\n"));
    }
    context.end(Exit::Fine("fine"))
}

/// Where the switches in the kernel do not say what the agent says. Only root may read them; for
/// everybody else the agent's word has to do.
fn disagreements(armed: &[ArmedLine]) -> Vec<String> {
    let known = armed.iter();
    let known = known.map(|line| [line.run.as_str(), &line.injection, &line.fault]);
    switch::disagreements(&known.collect::<Vec<_>>()).unwrap_or_default()
}

fn armed_table(armed: &[ArmedLine]) -> String {
    if armed.is_empty() {
        return "Nothing is armed on this host.\n".into();
    }
    let mut table = Columns::under(&["FAULT", "TARGET", "SINCE", "UNTIL", "BY"]);
    for line in armed {
        let since = host::clock_time(line.since_unix_ms);
        let until = format!("{:.1} s", line.remaining_ms as f64 / 1000.0);
        table.row(&[&line.fault, &line.target, &since, &until, &line.by]);
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_page_of_at_most_100_columns() {
        for entry in catalog::ALL {
            let d = entry.fault.describe();
            let page = page(d);
            assert!(page.starts_with(d.name));
            let head = page.split("\n  example\n").next().unwrap_or("");
            for line in head.lines() {
                assert!(line.chars().count() <= 100, "{}: {line}", d.name);
            }
            for p in d.params.iter().chain(d.filters) {
                let begins = format!("    {}  ", p.name);
                assert!(head.contains(&begins), "{}: {} has no room\n{head}", d.name, p.name);
                assert!(head.contains(&format!("  {}  ", p.kind.word())), "{}: {}", d.name, p.name);
            }
        }
    }

    #[test]
    fn nothing_armed_says_so() {
        assert_eq!(armed_table(&[]), "Nothing is armed on this host.\n");
    }
}
