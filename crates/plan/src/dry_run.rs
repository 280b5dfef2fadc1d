//! The plan as data: what the dry run prints, the record keeps and the engine runs.

use serde::Serialize;
use squall_wire::injection::Injection;
use std::collections::BTreeMap;

/// A bounded plan; nothing was touched to make it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The experiment's name.
    pub experiment: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The sentence to prove or refute.
    pub hypothesis: String,
    /// The run's id.
    pub run: String,
    /// The host.
    pub host: String,
    /// Its steps, one after the other.
    pub steps: Vec<PlannedStep>,
    /// The schedule, where the faults are toggled.
    pub toggle: Option<PlannedToggle>,
    /// What is never touched, in words.
    pub protected: Vec<String>,
    /// Planned length of the baseline.
    pub baseline_ms: u64,
    /// Time allowed for recovery.
    pub recovery_ms: u64,
    /// The radius in words, for example `1 of 2 payment instances, 1 host`.
    pub radius: String,
    /// The worst that can come of it.
    pub worst_case: WorstCase,
    /// What the traffic can decide, an entry an indicator.
    pub decide: Vec<Decision>,
    /// Planned arrivals a second; absent where no source sends traffic.
    pub traffic_per_s: Option<f64>,
    /// Time between samples.
    pub every_ms: u64,
    /// The chance of a false abort that is accepted.
    pub false_alarm: f64,
    /// What the policy says, in words; absent without a policy.
    pub policy: Option<String>,
    /// What the agent will be asked for, in the order of the steps.
    pub injections: Vec<Injection>,
}

/// One fault on its targets for a while.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedStep {
    /// The fault's name.
    pub fault: String,
    /// The worst it does while it is on, in words.
    pub bound: String,
    /// How it dies with its holder.
    pub death: &'static str,
    /// The service it acts on.
    pub service: String,
    /// Who is hit.
    pub hit: Vec<Place>,
    /// Who answers to the same name and is left alone.
    pub spared: Vec<Place>,
    /// Running instances of the service.
    pub of: usize,
    /// Which traffic or calls it acts on, in words; empty for all of it.
    pub filters: String,
    /// How long it stays.
    pub hold_ms: u64,
    /// How long an agent keeps it without renewal.
    pub lease_ms: u64,
    /// Its injections, by index into [`Plan::injections`].
    pub injections: Vec<usize>,
}

/// Faults that are switched on and off at random, in slots of equal length.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedToggle {
    /// Slots in which each fault is on; as many are without it.
    pub repeats: u32,
    /// The length of a slot.
    pub slot_ms: u64,
    /// How long the run's own traffic may rest after a slot, with what follows until the service
    /// is back; 0 for never.
    pub drain_ms: u64,
    /// How long all of that may take in one run.
    pub drains_ms: u64,
    /// For each step, whether its fault is on in each slot.
    pub on: Vec<Vec<bool>>,
    /// For each slot its injections, by index into [`Plan::injections`]; none where it is free.
    pub slots: Vec<Vec<usize>>,
}

/// A process as a person finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Its pid.
    pub pid: u32,
    /// Where it listens, the first address.
    pub address: Option<String>,
    /// Its network namespace, where it is not the planner's own.
    pub namespace: Option<u64>,
}

/// The worst that can come of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorstCase {
    /// From start to end.
    pub time_ms: u64,
    /// Of it with a fault in place.
    pub fault_ms: u64,
    /// The longest lease.
    pub lease_ms: u64,
    /// The error budget at risk; absent where no indicator is a share.
    pub budget: Option<BudgetAtRisk>,
}

/// What a plan may cost of an error budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BudgetAtRisk {
    /// The indicator with the smallest budget.
    pub indicator: String,
    /// Full outage it may come to.
    pub cost_ms: u64,
    /// The whole budget.
    pub total_ms: u64,
    /// The period it is counted over.
    pub over_ms: u64,
    /// What the experiment may spend.
    pub allowance_ms: Option<u64>,
    /// What is left of the allowance in this period.
    pub left_ms: Option<u64>,
    /// Why it is no more, in words.
    pub because: String,
}

/// What the traffic can decide about one indicator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// Its name.
    pub indicator: String,
    /// The bound as written.
    pub expect: String,
    /// What a bad event is: `failed` or `late`; empty where events are not counted.
    pub bad_word: &'static str,
    /// Events in one sample.
    pub events_sample: Option<u64>,
    /// Events in the whole hold.
    pub events: Option<u64>,
    /// Bad events that make a sample a strike.
    pub bad_for_strike: Option<u64>,
    /// Strikes in a row that refute.
    pub strikes: u32,
    /// The most bad events with which the verdict is still held.
    pub bad_max_for_held: Option<u64>,
    /// The shortest hold after which a service without bad events is held.
    pub seconds_to_held: Option<f64>,
    /// The hold it is counted over.
    pub hold_ms: u64,
}
