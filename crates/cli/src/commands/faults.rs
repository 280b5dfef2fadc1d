//! `squall faults`: the catalogue as a table, one fault as a page, or what is armed now.

use super::{Verb, options};
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

/// No line of a page is longer.
const COLUMNS_MAX: usize = 100;

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
    let mut out = format!("{:<21}{:<48}{:<16}HERE\n", "FAULT", "WHAT IT DOES", "ENDS BY");
    let mut families: Vec<&str> = catalog::ALL.iter().map(|e| e.fault.describe().family).collect();
    families.sort_unstable();
    families.dedup();
    let mut available = 0;
    for family in families {
        let _ = writeln!(out, "{family}");
        for entry in catalog::ALL.iter().filter(|e| e.fault.describe().family == family) {
            let d = entry.fault.describe();
            let here = match doctor::available(entry.fault) {
                Ok(()) => {
                    available += 1;
                    "yes".to_owned()
                }
                Err(why) => format!("no, {why}"),
            };
            let _ = writeln!(out, "  {:<19}{:<48}{:<16}{here}", d.name, d.summary, d.death.word());
        }
    }
    let _ = write!(
        out,
        "\n{} faults, {available} available here.   squall faults NAME for one of them   \
         squall doctor for the reasons\n",
        catalog::ALL.len()
    );
    context.data(&out);
    context.end(Exit::Fine("fine"))
}

fn page(d: &Description) -> String {
    let mut out = format!("{}   {}\n", d.name, d.summary);
    for (title, params) in [("with", d.params), ("where", d.filters)] {
        if params.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n  {title}");
        for p in params {
            let fallback = match (p.required, p.default) {
                (true, _) => "required",
                (false, Some(default)) => default,
                (false, None) => "every one",
            };
            let about =
                format!("{}{}", p.kind.limits().map_or(String::new(), |r| r + "; "), p.help);
            // A longer name takes its room from the kind, which keeps one space.
            let head = format!("    {:<9} {:<14}", p.name, p.kind.word());
            let head = format!("{head:<29}{fallback:<17}");
            wrap(&mut out, &head, &about);
        }
    }
    out.push('\n');
    for (word, text) in [("acts", d.acts), ("ends", d.ends), ("spares", d.spares)] {
        wrap(&mut out, &format!("  {word:<12}"), text);
    }
    let _ = writeln!(out, "\n  example\n");
    for line in d.example.lines() {
        let _ = writeln!(out, "{}", format!("    {line}").trim_end());
    }
    out
}

/// Writes a text behind its head; what does not fit goes to the next line with the same indent.
fn wrap(out: &mut String, head: &str, text: &str) {
    let indent = head.chars().count();
    let mut line = head.to_owned();
    for word in text.split_whitespace() {
        let begun = line.chars().count() > indent;
        if begun && line.chars().count() + 1 + word.chars().count() > COLUMNS_MAX {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(indent);
        } else if begun {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{}", line.trim_end());
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
    let mut out = format!("{:<17}{:<20}{:<22}{:<12}BY\n", "FAULT", "TARGET", "SINCE", "UNTIL");
    for line in armed {
        let since = host::clock_time(line.since_unix_ms);
        let until = format!("{:.1} s", line.remaining_ms as f64 / 1000.0);
        let _ =
            writeln!(out, "{:<17}{:<20}{since:<22}{until:<12}{}", line.fault, line.target, line.by);
    }
    out
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
        }
    }

    #[test]
    fn nothing_armed_says_so() {
        assert_eq!(armed_table(&[]), "Nothing is armed on this host.\n");
    }
}
