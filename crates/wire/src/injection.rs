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
