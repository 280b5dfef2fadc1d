//! What a record says of untouched instances beside disturbed ones at the same time.

use serde::{Deserialize, Serialize};

/// Events of one group of instances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Events.
    pub total: u64,
    /// Bad events among them, at least.
    pub bad_least: u64,
    /// Bad events among them, at most.
    pub bad_most: u64,
}

/// An indicator's events by instance: those under a fault and all others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arms {
    /// Instances that are a fault's targets.
    pub disturbed: Arm,
    /// Instances that no fault touches.
    pub untouched: Arm,
}

/// What the comparison says of one indicator while faults were on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlVerdict {
    /// The indicator, by index.
    pub indicator: usize,
    /// All events of both.
    pub arms: Arms,
    /// Share of bad events of the disturbed instances minus that of the others.
    pub difference: f64,
    /// The interval of the difference, valid at any time of looking.
    pub interval: (f64, f64),
    /// The evidence that the disturbed instances are worse, at its highest.
    pub e: f64,
    /// The part of the bad events above what is allowed that is the disturbed instances' alone;
    /// absent where there are none.
    pub explains: Option<f64>,
    /// True where the data says that they are worse.
    pub worse: bool,
    /// One line for a person.
    pub text: String,
}
