//! `squall fingerprint`: what a fault could leave on this host, one sorted fact a line; or what
//! two such lists differ in.

use super::{Verb, options};
use crate::context::{Context, Output};
use crate::exit::Exit;
use crate::{files, host};
use clap::ArgMatches;
use squall_wire::fingerprint::{Difference, Fingerprint};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

pub(crate) static VERB: Verb = Verb::new::<Options>(
    "fingerprint",
    "Lists what a fault could leave on this host, or what two lists differ in",
    run,
);

/// Stands for a category without facts, so that it is told from one that was not read.
const NOTHING: &str = "-";
/// Begins the line of a category that could not be read.
const UNREAD: &str = "# unread ";

#[derive(clap::Args)]
struct Options {
    /// Looks at this process's namespaces, groups and limits too; may be given several times
    #[arg(long, value_name = "PID", conflicts_with = "diff")]
    pid: Vec<u32>,
    /// Compares two lists, text or JSON; exit 0 where they are equal, 5 where they differ,
    /// 4 where something could not be compared
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    diff: Option<Vec<PathBuf>>,
}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options { pid, diff } = options(matches);
    match diff.as_deref() {
        Some([before, after]) => compare(context, before, after),
        _ => list(context, &pid),
    }
}

fn list(context: &Context, pids: &[u32]) -> Exit {
    let print = match host::fingerprint(pids) {
        Ok(print) => print,
        Err(why) => {
            context.error(&why, Some("`squall undo` ends an agent that does not answer"));
            return context.end_document(Exit::Unknown("inconclusive"));
        }
    };
    match context.output {
        Output::Text => context.data(&text(&print)),
        Output::Json => context.json(&serde_json::json!(print)),
    }
    for (category, why) in &print.unread {
        context.note(&format!("not read: {category}: {why}"));
    }
    context.end_document(Exit::Fine("fine"))
}

fn text(print: &Fingerprint) -> String {
    let mut out = String::new();
    for (category, facts) in &print.facts {
        if facts.is_empty() {
            let _ = writeln!(out, "{category}: {NOTHING}");
        }
        for fact in facts {
            let _ = writeln!(out, "{category}: {}", fact.escape_debug());
        }
    }
    for (category, why) in &print.unread {
        let _ = writeln!(out, "{UNREAD}{category}: {}", why.escape_debug());
    }
    out
}

/// Reads either form.
fn parse(text: &str) -> Result<Fingerprint, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|why| why.to_string());
    }
    let mut out = Fingerprint::default();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let unread = line.strip_prefix(UNREAD);
        let parts = unread.unwrap_or(line).split_once(": ");
        let Some((category, fact)) = parts else {
            return Err(format!("line {} is no `category: fact`", number + 1));
        };
        if unread.is_some() {
            out.unread.insert(category.to_owned(), fact.to_owned());
            continue;
        }
        let facts = out.facts.entry(category.to_owned()).or_default();
        if fact != NOTHING {
            facts.insert(fact.to_owned());
        }
    }
    match out.facts.is_empty() {
        true => Err("it has no fact".to_owned()),
        false => Ok(out),
    }
}

fn compare(context: &Context, before: &Path, after: &Path) -> Exit {
    let read = |path: &Path| {
        let file = files::read(context, path, "what squall fingerprint printed")?;
        let help = "make one with `squall fingerprint > FILE`";
        parse(&file.text)
            // The text form is escaped; so is what it is compared with.
            .map(|print| escaped(&print))
            .map_err(|why| context.error(&format!("{}: {why}", file.name), Some(help)))
            .ok()
    };
    let (Some(before), Some(after)) = (read(before), read(after)) else {
        return context.end_document(Exit::Bad("bad input"));
    };
    let differences = before.differences(&after);
    let uncompared = uncompared(&before, &after);
    let (equal, of) = before.equal_categories(&after);
    match context.output {
        Output::Text => context.data(&drawn(&differences, &uncompared, equal, of)),
        Output::Json => context.json(&serde_json::json!({
            "differences": differences, "notCompared": uncompared,
            "equalCategories": equal, "categories": of,
        })),
    }
    context.end_document(match (differences.is_empty(), uncompared.is_empty()) {
        (false, _) => Exit::NotRestored,
        (true, false) => Exit::Unknown("not all could be compared"),
        (true, true) => Exit::Fine("equal"),
    })
}

fn escaped(print: &Fingerprint) -> Fingerprint {
    let once = |fact: &String| match fact.contains(|c: char| c.is_control()) {
        true => fact.escape_debug().to_string(),
        false => fact.clone(),
    };
    let facts =
        print.facts.iter().map(|(name, all)| (name.clone(), all.iter().map(once).collect()));
    Fingerprint { facts: facts.collect(), ..print.clone() }
}

/// Categories that only one side, or none, could read: they prove nothing.
fn uncompared(before: &Fingerprint, after: &Fingerprint) -> Vec<String> {
    let names = before.facts.keys().chain(after.facts.keys());
    let names = names.chain(before.unread.keys()).chain(after.unread.keys());
    let both = |name: &str| before.facts.contains_key(name) && after.facts.contains_key(name);
    let mut found: Vec<String> = names.filter(|name| !both(name)).cloned().collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn drawn(differences: &[Difference], uncompared: &[String], equal: usize, of: usize) -> String {
    let mut out = String::new();
    let mut last = "";
    for difference in differences {
        if difference.category != last {
            let _ = writeln!(out, "{}", difference.category);
            last = &difference.category;
        }
        let sign = if difference.appeared { '+' } else { '-' };
        let _ = writeln!(out, "  {sign} {}", difference.fact);
    }
    for category in uncompared {
        let _ = writeln!(out, "{category}\n  ? not read on both sides, so it proves nothing");
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let came = differences.iter().filter(|difference| difference.appeared).count();
    let went = differences.len() - came;
    let _ = writeln!(out, "{equal} of {of} categories equal; facts: {came} came, {went} went");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn print(facts: &[(&str, &[&str])]) -> Fingerprint {
        let set = |all: &[&str]| all.iter().map(|fact| fact.to_string()).collect::<BTreeSet<_>>();
        let facts = facts.iter().map(|(name, all)| (name.to_string(), set(all))).collect();
        Fingerprint { facts, ..Fingerprint::default() }
    }

    #[test]
    fn both_forms_are_read_back_and_a_category_without_facts_stays_one() {
        let mut one = print(&[("routes", &["default via 10.0.0.1"]), ("tc filters", &[])]);
        one.unread.insert("nft tables".into(), "no such protocol".into());
        assert_eq!(
            text(&one),
            "routes: default via 10.0.0.1\ntc filters: -\n# unread nft tables: no such protocol\n"
        );
        assert_eq!(parse(&text(&one)), Ok(one.clone()));
        assert_eq!(parse(&serde_json::to_string(&one).unwrap_or_default()), Ok(one));
        assert!(parse("").is_err() && parse("what\n").is_err());
    }

    #[test]
    fn what_came_and_what_went_stand_below_their_category() {
        let before = print(&[("routes", &["a"]), ("rules", &["x"])]);
        let after = print(&[("routes", &["b"]), ("sysctls", &["y"])]);
        let differences = before.differences(&after);
        let uncompared = uncompared(&before, &after);
        assert_eq!(
            drawn(&differences, &uncompared, 0, 1),
            "routes\n  - a\n  + b\nrules\n  ? not read on both sides, so it proves nothing\n\
             sysctls\n  ? not read on both sides, so it proves nothing\n\n\
             0 of 1 categories equal; facts: 1 came, 1 went\n"
        );
    }
}
