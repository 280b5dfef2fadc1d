//! A host's state as a sorted, diffable value: everything a fault could leave behind.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Ends a fact about a process that was asked for, or one that descends from it, and a fact that
/// only Squall makes: on a busy host people stop their own processes and start containers, and
/// those are nobody's residue.
pub const OF_TARGET: &str = " (target)";

/// Facts by category, for example `bpf links` → `["cgroup_inet4_connect /shop"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Each category with its facts, sorted. A category that could not be read is absent.
    pub facts: BTreeMap<String, BTreeSet<String>>,
    /// Categories that could not be read, with the reason.
    pub unread: BTreeMap<String, String>,
    /// The runs that had a fault in hand at any time while it was read, where an agent read it:
    /// what is theirs is nobody else's residue.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub runs: BTreeSet<String>,
}

/// One fact that is on one side only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The category.
    pub category: String,
    /// The fact.
    pub fact: String,
    /// True when it came into being, false when it went away.
    pub appeared: bool,
}

impl Fingerprint {
    /// What `after` has and `self` lacks, and the other way round. Categories that either side
    /// could not read are left out: they prove nothing.
    pub fn differences(&self, after: &Fingerprint) -> Vec<Difference> {
        let mut out = Vec::new();
        for (category, before) in &self.facts {
            let Some(after) = after.facts.get(category) else { continue };
            let mut push = |fact: &String, appeared| {
                out.push(Difference { category: category.clone(), fact: fact.clone(), appeared });
            };
            before.difference(after).for_each(|fact| push(fact, false));
            after.difference(before).for_each(|fact| push(fact, true));
        }
        out
    }

    /// How many categories both sides could read, and how many of them are equal.
    pub fn equal_categories(&self, after: &Fingerprint) -> (usize, usize) {
        let both = self.facts.iter().filter_map(|(k, v)| Some((v, after.facts.get(k)?)));
        both.fold((0, 0), |(equal, all), (a, b)| (equal + usize::from(a == b), all + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(category: &str, facts: &[&str]) -> Fingerprint {
        let facts = facts.iter().map(|f| f.to_string()).collect();
        Fingerprint { facts: BTreeMap::from([(category.into(), facts)]), ..Fingerprint::default() }
    }

    #[test]
    fn differences_name_what_came_and_what_went() {
        let differences = of("stopped", &["a"]).differences(&of("stopped", &["b"]));
        let text: Vec<_> = differences.iter().map(|d| (d.fact.as_str(), d.appeared)).collect();
        assert_eq!(text, [("a", false), ("b", true)]);
    }

    #[test]
    fn an_unread_category_proves_nothing() {
        assert_eq!(of("a", &["x"]).equal_categories(&of("b", &["x"])), (0, 0));
    }
}
