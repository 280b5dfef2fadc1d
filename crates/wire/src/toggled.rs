//! What a record says of faults that are switched on and off at random.

use serde::{Deserialize, Serialize};

/// A fault that is switched on and off at random.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toggled {
    /// The fault's name.
    pub fault: String,
    /// The ids of its injections, one a target and slot.
    pub injections: Vec<String>,
    /// Whether it is on in each slot.
    pub on: Vec<bool>,
}

/// What a toggled fault did to an indicator, by the exact test over all schedules there could have
/// been.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToggledEffect {
    /// The fault's name.
    pub fault: String,
    /// The indicator, by index.
    pub indicator: usize,
    /// How much more excess a sample had while the fault was on: bad events above what is
    /// allowed, or how far the value was beyond its bound.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: (f64, f64),
    /// The share of schedules with an effect at least as large.
    pub p: f64,
    /// True where the data says that the fault caused it: `p` is at most 0.05.
    pub caused: bool,
    /// One line for a person.
    pub text: String,
}
