//! Owns the question whether an injection is one that `IMPACTED_BY` names.

use super::ast::Chaos;
use std::collections::BTreeMap;

/// What of an injection a key asks for; the first name is the language's own.
const ALIASES: [(&str, &[&str]); 7] = [
    ("pod", &["pod", "names", "instance", "target"]),
    ("instance", &["instance", "target", "names", "pod"]),
    ("service", &["service"]),
    ("namespace", &["namespace"]),
    ("container", &["container", "container-names"]),
    ("node", &["node", "host"]),
    ("process", &["process"]),
];

/// Tells whether a fault, by any of its names, with what is known of its target, is meant. What
/// is not known of a target fits no condition: a tag is never given on a guess.
pub fn names_fault(chaos: &Chaos, fault_names: &[&str], about: &BTreeMap<String, String>) -> bool {
    let pattern = plain(&chaos.fault);
    fault_names.iter().any(|name| fits(&pattern, &plain(name)))
        && chaos.conditions.iter().all(|condition| {
            let key = condition.key.value.as_str();
            let alias = ALIASES.iter().find(|(name, _)| *name == key).map(|(_, keys)| *keys);
            let keys = alias.unwrap_or(std::slice::from_ref(&key));
            keys.iter()
                .filter_map(|key| about.get(*key))
                .any(|value| value.split(',').any(|one| fits(&condition.pattern, one.trim())))
        })
}

/// One spelling for the names of several tools: `cpu fullload`, `cpu-load`, `cpu.load`.
fn plain(name: &str) -> String {
    let name = name.trim().to_lowercase().replace(['.', '_', ' '], "-");
    let words: Vec<&str> = name
        .split('-')
        .filter(|word| !matches!(*word, "k8s" | "docker" | "cri" | "pod" | "container" | "node"))
        .map(|word| match word {
            "mem" => "memory",
            "network" => "net",
            "fullload" => "load",
            other => other,
        })
        .collect();
    if words.is_empty() { name } else { words.join("-") }
}

/// Tells whether a text fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::super::ast::Clause;
    use super::*;

    fn check(clause: &str, fault: &str, about: &[(&str, &str)], expected: bool) {
        let parsed = super::super::parse::parse(&format!("SLA(\"a\") IMPACTED_BY {clause};"));
        let Clause::ImpactedBy(all) = &parsed.rules[0].clauses.first().unwrap().value else {
            panic!("{clause} is read")
        };
        let about = about.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(names_fault(&all[0], &[fault], &about), expected, "{clause} {fault} {about:?}");
    }

    #[test]
    fn the_seed_means_a_cpu_load_on_the_pods_of_auth() {
        let seed = r#"chaos("cpu-load", namespace="prod", pod="auth-*")"#;
        let auth = [("namespace", "prod"), ("names", "api-1,auth-7d9f-x")];
        check(seed, "cpu.load", &auth, true);
        check(seed, "k8s pod-cpu fullload", &auth, true);
        check(seed, "mem.load", &auth, false);
        check(seed, "cpu.load", &[("namespace", "prod"), ("names", "api-1")], false);
        check(seed, "cpu.load", &[("names", "auth-1")], false);
    }

    #[test]
    fn stars_stand_for_anything() {
        check(r#"chaos("net-*")"#, "network loss", &[], true);
        check(r#"chaos("*")"#, "http.delay", &[], true);
        check(
            r#"chaos("http.delay", service="pay*t")"#,
            "http.delay",
            &[("service", "payment")],
            true,
        );
        check(
            r#"chaos("http.delay", service="pay*x")"#,
            "http.delay",
            &[("service", "payment")],
            false,
        );
        check(r#"chaos("h*a*y")"#, "http.delay", &[], true);
        check(r#"chaos("aa*aa")"#, "aaa", &[], false);
    }
}
