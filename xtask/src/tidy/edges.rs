//! The allowed edges between crates, in one place. An edge that is not here is a decision, not an
//! import: change this table in the same commit and say why.

use super::Finding;
use crate::command;
use serde_json::Value;

/// Who may use whom. `*` is everyone but the simulation.
const ALLOWED: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("spec", &[]),
    ("query", &[]),
    ("proxy", &[]),
    ("judge", &["spec", "query"]),
    ("faults", &["spec", "wire", "proxy"]),
    ("plan", &["spec", "wire", "faults", "judge", "query"]),
    ("agent", &["wire", "faults"]),
    ("signals", &["spec", "query"]),
    ("engine", &["spec", "plan", "judge", "query", "wire", "signals"]),
    ("report", &["wire"]),
    ("sim", &["wire", "agent", "engine", "judge", "plan", "spec", "faults", "query"]),
    ("fuzz", &["faults", "proxy", "query", "report", "signals", "spec", "wire"]),
    ("cli", &["*"]),
    ("real", &["*", "sim"]),
    // The simulation's figures need a release build of it, and nothing else does.
    ("bench", &["*", "sim"]),
];

/// Edges that only tests have.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] = &[];

/// Reads the workspace's own description and compares.
pub(crate) fn check() -> Result<Vec<Finding>, String> {
    let mut cargo = command::cargo();
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let text = command::read(&mut cargo)?;
    let metadata: Value =
        serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))?;
    Ok(compare(&metadata))
}

fn compare(metadata: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in list(&metadata["packages"]) {
        let Some(from) = ours(&package["name"]) else { continue };
        let path = match from {
            "real" => "tests/real",
            "bench" => "bench",
            _ => &format!("crates/{from}"),
        };
        let path = format!("{path}/Cargo.toml");
        let Some(usual) = allowed(ALLOWED, from) else {
            findings.push(Finding::new(
                &path,
                1,
                "a crate without a line in xtask/src/tidy/edges.rs",
            ));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let Some(to) = ours(&dependency["name"]) else { continue };
            let mut allowed = usual.clone();
            if dependency["kind"] == "dev" {
                allowed.extend(self::allowed(ALLOWED_IN_TESTS, from).unwrap_or_default());
            }
            let everyone = allowed.contains(&"*") && to != "sim";
            if !everyone && !allowed.contains(&to) {
                findings.push(Finding::new(&path, 1, format!("{from} may not use {to}")));
            }
        }
    }
    findings
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The room a package is, if it is one of ours.
fn ours(name: &Value) -> Option<&str> {
    name.as_str()?.strip_prefix("squall-")
}

fn allowed(table: &[(&str, &'static [&'static str])], from: &str) -> Option<Vec<&'static str>> {
    table.iter().find(|(name, _)| *name == from).map(|(_, to)| to.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(from: &str, to: &str, kind: &str) -> Vec<String> {
        let kind = if kind.is_empty() { Value::Null } else { kind.into() };
        let metadata = serde_json::json!({"packages": [{
            "name": from,
            "dependencies": [{"name": to, "kind": kind}, {"name": "serde", "kind": null}],
        }]});
        compare(&metadata).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_listed_edges_pass() {
        let none: [&str; 0] = [];
        assert_eq!(found("squall-judge", "squall-query", ""), none);
        assert_eq!(
            found("squall-query", "squall-judge", ""),
            ["crates/query/Cargo.toml:1: query may not use judge"]
        );
        assert_eq!(found("squall-report", "squall-engine", "dev").len(), 1);
        assert_eq!(found("squall-cli", "squall-report", ""), none);
        assert_eq!(found("squall-cli", "squall-sim", "").len(), 1);
        assert_eq!(found("squall-real", "squall-sim", "dev"), none);
        assert!(found("squall-new", "serde", "")[0].contains("without a line"));
    }

    #[test]
    fn the_table_has_no_circle() {
        // Taking away, again and again, what uses nothing that is left must take away all.
        let mut left: Vec<_> = ALLOWED.iter().filter(|(_, to)| !to.contains(&"*")).collect();
        while !left.is_empty() {
            let names: Vec<&str> = left.iter().map(|(n, _)| *n).collect();
            let before = left.len();
            left.retain(|(_, to)| to.iter().any(|t| names.contains(t)));
            assert!(left.len() < before, "a circle among {names:?}");
        }
    }
}
