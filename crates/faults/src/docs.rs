//! The pages of `docs/faults/`, made from the folders of the catalog and the tables of figures.
//! Text in, text out: the test beside the catalog writes the files.

use crate::catalog::{ALL, Entry};
use crate::fault::{Death, Description, Param};
use std::fmt::Write as _;

/// What is compared with others and what is left out; written by hand.
const COVERAGE: &str = include_str!("docs/coverage.md");

/// Returns the page of a fault; `figures` are the tables of `bench/faults/`.
pub fn page(entry: &Entry, figures: &str) -> String {
    let d = entry.fault.describe();
    let case = Case::read(d.cases);
    let mut out = format!("# {}\n\n{}\n\n", d.name, case.what);
    let _ = writeln!(out, "## Why it matters\n\n{}\n", case.why);
    let _ = writeln!(out, "## Parameters\n\n{}", params(d));
    let _ =
        writeln!(out, "Values that are taken, and the diagnostics of others:\n\n{}\n", case.rows);
    let _ = writeln!(out, "## Mechanism\n\nIt acts by: {}.\n{}", d.acts, mechanisms(entry));
    let _ = writeln!(
        out,
        "## How it dies\n\n{} {}.\n\n{}\n",
        death(d.death),
        sentence(d.ends),
        case.undo
    );
    let _ = writeln!(out, "It spares {}.\n", d.spares);
    let _ = writeln!(out, "## Measured fidelity\n\n{}", fidelity(d, figures));
    let _ = writeln!(out, "## Limits\n\n{}\n", case.limits);
    let _ = write!(out, "## Example\n\n```yaml\n{}```\n", d.example);
    out
}

/// Returns the index of all pages, with the comparison.
pub fn index() -> String {
    let mut out = String::from("# The faults\n\n");
    let mut families: Vec<&str> = ALL.iter().map(|e| e.fault.describe().family).collect();
    families.sort_unstable();
    families.dedup();
    let _ = writeln!(
        out,
        "{} faults. `squall faults` lists them, `squall faults NAME` explains one, `squall doctor` \
         tries each mechanism on a host and says why one is missing there. Made from \
         `crates/faults/src/catalog/` by `cargo xtask gen docs`.\n",
        ALL.len()
    );
    for family in families {
        let _ =
            writeln!(out, "## {family}\n\n| fault | what it does | dies by |\n| --- | --- | --- |");
        for entry in ALL.iter().filter(|e| e.fault.describe().family == family) {
            let d = entry.fault.describe();
            let (name, summary, death) = (d.name, d.summary, d.death.word());
            let _ = writeln!(out, "| [{name}]({name}.md) | {summary} | {death} |");
        }
        out.push('\n');
    }
    out + COVERAGE
}

/// The parts of a fault's `cases.md`.
struct Case<'a> {
    what: &'a str,
    why: &'a str,
    rows: &'a str,
    undo: &'a str,
    limits: &'a str,
}

impl<'a> Case<'a> {
    fn read(text: &'a str) -> Case<'a> {
        let part = |title: &str| -> &'a str {
            let begin = format!("\n## {title}\n");
            let rest = text.split_once(begin.as_str()).map_or("", |(_, rest)| rest);
            rest.split("\n## ").next().unwrap_or("").trim()
        };
        let head = text.split("\n## ").next().unwrap_or("");
        Case {
            what: head.split_once('\n').map_or("", |(_, what)| what).trim(),
            why: part("Why it matters"),
            rows: part("Parameters"),
            undo: part("Bound and undo"),
            limits: part("Limits"),
        }
    }
}

fn params(d: &Description) -> String {
    if d.params.is_empty() && d.filters.is_empty() {
        return "It takes none.\n".to_owned();
    }
    let mut out = String::from("| key | of | kind | range | unless written | meaning |\n");
    out += "| --- | --- | --- | --- | --- | --- |\n";
    let blocks = [("with", d.params), ("where", d.filters)];
    for (block, param) in blocks.into_iter().flat_map(|(b, ps)| ps.iter().map(move |p| (b, p))) {
        let Param { name, kind, default, required, help } = param;
        let fallback = match (required, default) {
            (true, _) => "required",
            (false, Some(default)) => default,
            (false, None) if block == "where" => "every one",
            (false, None) => "not set",
        };
        let range = kind.range().replace('|', "\\|");
        let (kind, help) = (kind.word(), help.replace('|', "\\|"));
        let _ = writeln!(out, "| `{name}` | {block} | {kind} | {range} | {fallback} | {help} |");
    }
    out
}

#[cfg(feature = "effects")]
fn mechanisms(entry: &Entry) -> String {
    let all = entry.effect.mechanisms();
    if all.is_empty() {
        return String::new();
    }
    let mut out =
        String::from("\nTried in this order; `squall doctor` says which one a host has:\n\n");
    for mechanism in all {
        let _ = writeln!(out, "1. {}, dies by {}", mechanism.name, mechanism.death.word());
    }
    out
}

/// Without effects nobody knows how they act; the pages are made with them.
#[cfg(not(feature = "effects"))]
fn mechanisms(_entry: &Entry) -> String {
    String::new()
}

fn death(death: Death) -> &'static str {
    match death {
        Death::KernelLink => "By a kernel link: what holds it goes with the agent's descriptors.",
        Death::Holder => "With its holder: a process or a thread that dies with the agent.",
        Death::Receipt => {
            "By its receipt: the watchdog, or the next start of the agent, replays the undo that \
             was written before the effect."
        }
        Death::InTarget => {
            "In the target: what is built into it ends the fault by itself when renewals stop."
        }
        Death::OneShot => "It acts once: nothing stays.",
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

/// The rows of the figures that begin with the fault's name and a colon.
fn fidelity(d: &Description, figures: &str) -> String {
    let tolerance =
        format!("A run is invalid where the dose is off by more than: {}.\n", d.tolerance.word());
    let begin = format!("| {}: ", d.name);
    let rows: Vec<&str> = figures.lines().filter(|line| line.starts_with(&begin)).collect();
    if rows.is_empty() {
        return format!(
            "{tolerance}\nNo figures are kept of it in `bench/faults/` yet; every run measures its \
             own bite and says what was asked and what was delivered.\n"
        );
    }
    let head = "| figure | of | min | median | p99 | max | n | asked |\n\
                | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n";
    format!("{tolerance}\n{head}{}\n", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_case_are_found() {
        let text = "# x.y\n\nDoes it.\n\n## Why it matters\nBecause.\n\n## Limits\n- one\n- two\n";
        let case = Case::read(text);
        assert_eq!((case.what, case.why, case.limits), ("Does it.", "Because.", "- one\n- two"));
        assert_eq!((case.rows, case.undo), ("", ""));
    }

    #[test]
    fn figures_are_those_of_the_fault_alone() {
        let d = ALL[0].fault.describe();
        let figures = format!("| {}: a | 1 |\n| {}x: b | 2 |\n", d.name, d.name);
        let text = fidelity(d, &figures);
        assert!(text.contains(": a |") && !text.contains(": b |"), "{text}");
        assert!(fidelity(d, "").contains("No figures are kept"));
    }
}
