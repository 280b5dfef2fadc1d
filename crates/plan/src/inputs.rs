//! Everything a plan is made from.

use crate::catalog::Catalog;
use squall_spec::{Duration, Experiment, Policy, Services};
use squall_wire::target::Inventory;
use std::collections::BTreeMap;

/// Everything a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What to do.
    pub experiment: &'a Experiment,
    /// What runs.
    pub inventory: &'a Inventory,
    /// Names for it, where a file gives them.
    pub services: Option<&'a Services>,
    /// The faults there are.
    pub catalog: &'a Catalog,
    /// What is allowed, where a file says so.
    pub policy: Option<&'a Policy>,
    /// The user who asks.
    pub who: &'a str,
    /// Wall clock in milliseconds since 1970.
    pub now_unix_ms: i64,
    /// The run's id.
    pub run: &'a str,
    /// Seed of every random choice.
    pub seed: u64,
    /// What earlier runs of this experiment measured.
    pub history: Option<&'a History>,
}

/// What earlier runs of the same experiment measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// The share of bad events in the last baseline, by indicator.
    pub baseline_bad: BTreeMap<String, f64>,
    /// Error budget spent by chaos in the current period.
    pub spent: Duration,
}
