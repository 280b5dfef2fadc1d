//! One use of a fault. The same message serves every fault there is or will be.

use crate::target::Target;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Values as a person wrote them (`mean: 500ms`), already checked; the agent checks them again.
pub type Values = BTreeMap<String, String>;

/// One fault on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Injection {
    /// Unique in its run, for example `i1`.
    pub id: String,
    /// The run it belongs to.
    pub run: String,
    /// The fault's name in the catalog.
    pub fault: String,
    /// The `with` block.
    pub params: Values,
    /// The `where` block.
    pub filters: Values,
    /// What it acts on.
    pub target: Target,
    /// How long the agent may keep it without a renewal, in milliseconds.
    pub lease_ms: u64,
    /// After this long it ends even when it is renewed, in milliseconds.
    pub cap_ms: u64,
    /// Seed of every random choice the fault makes.
    pub seed: u64,
}

impl Injection {
    /// The dose's unit: that of the parameter which holds the dose asked for, else the only unit
    /// besides percent that parameters have; empty where neither is.
    pub fn unit_of(&self, asked: f64) -> String {
        let split = |value: &String| {
            let at = value.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
            let (digits, unit) = value.split_at(at);
            Some((digits.parse::<f64>().ok()?, unit.trim().to_string()))
        };
        let all: Vec<(f64, String)> = self.params.values().filter_map(split).collect();
        if let Some((_, unit)) = all.iter().find(|(number, _)| *number == asked) {
            return unit.clone();
        }
        let mut units: Vec<String> =
            all.into_iter().map(|(_, unit)| unit).filter(|unit| unit != "%").collect();
        units.sort();
        units.dedup();
        if units.len() == 1 { units.remove(0) } else { String::new() }
    }
}

/// What a fault can show of its own effect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bite {
    /// How often it hurt: requests delayed, connections refused, 1 while a process is stopped.
    pub hits: u64,
    /// How often it could have: requests or connections seen.
    pub seen: u64,
    /// The dose asked for, in the fault's own unit, where it has one.
    pub asked: Option<f64>,
    /// The dose delivered, in the same unit.
    pub delivered: Option<f64>,
    /// The most by which the two may differ before the dose is not what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// One line for a person, for example what was seen instead.
    pub detail: String,
}

impl Bite {
    /// True where the dose delivered is not the dose asked for.
    pub fn is_off(&self) -> bool {
        let (Some(asked), Some(delivered)) = (self.asked, self.delivered) else { return false };
        let off = (delivered - asked).abs();
        // A dose that is no number is off, too.
        self.tolerance.is_some_and(|most| off.is_nan() || off > most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ProcessIdentity;

    fn with(params: Values) -> Injection {
        let process = ProcessIdentity { pid: 1, start_ticks: 1 };
        let (name, service) = ("payment-1".to_owned(), "payment".to_owned());
        let (cgroup, listening, probes) = ("/".to_owned(), Vec::new(), Vec::new());
        Injection {
            id: "i1".into(),
            run: "8c0d4".into(),
            fault: "http.delay".into(),
            params,
            filters: Values::new(),
            target: Target { name, service, process, netns: 1, cgroup, listening, probes },
            lease_ms: 1,
            cap_ms: 1,
            seed: 1,
        }
    }

    #[test]
    fn a_dose_has_the_unit_of_the_parameter_that_asked_for_it() {
        let params = |params: &[(&str, &str)]| {
            params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let unit = |values: &[(&str, &str)], asked| with(params(values)).unit_of(asked);
        assert_eq!(unit(&[("mean", "50ms"), ("probability", "30%")], 50.0), "ms");
        assert_eq!(unit(&[("mean", "50ms"), ("probability", "30%")], 30.0), "%");
        // The mean of what was drawn is no parameter; there is only one unit that it can have.
        assert_eq!(unit(&[("mean", "50ms"), ("probability", "30%")], 49.7), "ms");
        assert_eq!(unit(&[("mean", "1s"), ("jitter", "50ms")], 990.0), "");
        assert_eq!(unit(&[], 1.0), "");
    }
}
