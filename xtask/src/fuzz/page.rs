//! The table of a run over all targets, kept in `docs/fuzzing.md`.

use super::Outcome;
use crate::tree;
use std::fmt::Write as _;

const BEGIN: &str = "<!-- gen:begin fuzz -->";
const END: &str = "<!-- gen:end -->";

/// Rewrites the table.
pub(super) fn write(outcomes: &[Outcome], seconds: u32) -> Result<(), String> {
    let path = tree::root().join("docs/fuzzing.md");
    let failed = |error| format!("{}: {error}", path.display());
    let old = std::fs::read_to_string(&path).map_err(failed)?;
    let new = placed(&old, &table(outcomes, seconds))
        .ok_or_else(|| format!("{}: there is no place for the table", path.display()))?;
    std::fs::write(&path, new).map_err(failed)
}

/// The page with another table.
fn placed(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

fn table(outcomes: &[Outcome], seconds: u32) -> String {
    let found = outcomes.iter().filter(|outcome| outcome.finding.is_some()).count();
    let runs: u64 = outcomes.iter().map(|outcome| outcome.runs).sum();
    let mut out = format!(
        "**{} targets, {seconds} s each, {runs} inputs run, {found} findings.**\n\n\
         | target | inputs run | a second | edges reached | inputs kept | findings |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
        outcomes.len()
    );
    for outcome in outcomes {
        let Outcome { name, runs, runs_per_s, edges, inputs, finding, .. } = outcome;
        let found = u32::from(finding.is_some());
        let _ = writeln!(out, "| {name} | {runs} | {runs_per_s} | {edges} | {inputs} | {found} |");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_takes_the_place_of_the_one_before() {
        let outcome = |name: &str, finding: Option<&str>| Outcome {
            name: name.into(),
            runs: 90,
            runs_per_s: 3,
            edges: 20,
            inputs: 7,
            finding: finding.map(Into::into),
            why: String::new(),
            said: String::new(),
        };
        let table = table(&[outcome("dns", None), outcome("sla", Some("crash"))], 60);
        assert!(table.starts_with("**2 targets, 60 s each, 180 inputs run, 1 findings.**"));
        assert!(table.ends_with("| dns | 90 | 3 | 20 | 7 | 0 |\n| sla | 90 | 3 | 20 | 7 | 1 |\n"));
        let page = format!("head\n{BEGIN}\nold\n{END}\ntail\n");
        let new = format!("head\n{BEGIN}\nnew\n{END}\ntail\n");
        assert_eq!(placed(&page, "new\n").as_deref(), Some(new.as_str()));
        assert_eq!(placed("no place", "new"), None);
    }
}
