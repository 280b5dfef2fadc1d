//! Owns what the core is asked to carry out, and every limit of it with its reason.

use squall_judge::reading::{Indicator, Rule};
use squall_wire::injection::Injection;
use squall_wire::record;

/// How long a run waits for an agent before it gives up: a cold start of one takes about 100 ms,
/// a replay of many receipts some seconds.
pub const AGENT_WAIT_US: u64 = 10_000_000;
/// How long any call but arming and disarming may take before the agent counts as lost.
pub const CALL_US_MAX: u64 = 5_000_000;
/// How long arming may take: the disk's sync of the receipt and the effect itself.
pub const ARM_US_MAX: u64 = 10_000_000;
/// How long disarming may take: the agent tries for about a second, and reports.
pub const DISARM_US_MAX: u64 = 15_000_000;
/// Orders to undo before a person is asked. Each one has the agent's own tries behind it.
pub const DISARM_TRIES_MAX: u32 = 3;
/// How long after a lease the watchdog must have restored, and a new agent said so.
pub const WATCHDOG_US_MAX: u64 = 10_000_000;
/// What a host may need to settle before a difference in its fingerprint counts: a dying
/// process is reaped, a namespace is freed, and a proxy takes handshakes for 0.2 s more.
pub const SECOND_LOOK_US: u64 = 400_000;
/// How long before the baseline ends the host's state is asked for, so that the first fault need
/// not wait for it: about what reading it takes. Sooner would only leave a busy host more time to
/// change by itself.
pub(super) const FINGERPRINT_LEAD_US: u64 = 10_000;
/// How much later than its deadline a pull's answer may come before it counts as a gap.
pub const PULL_SLACK_US: u64 = 1_000_000;
/// The least time between two samples: sources tell times apart by the millisecond.
pub(super) const SAMPLE_GAP_US_MIN: u64 = 1_500;
/// A lease is renewed this many times within its length, so that two may be lost.
pub(super) const RENEWALS_PER_LEASE: u64 = 3;

/// What one run is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// The run's id.
    pub run: String,
    /// The steady state.
    pub indicators: Vec<record::Indicator>,
    /// Anomalous samples in a row that abort.
    pub consecutive: u32,
    /// Whether they do while a fault is on; without, only in slots that are free of faults.
    pub strikes_end: bool,
    /// Time between samples.
    pub every_us: u64,
    /// True for the raw abort rule.
    pub literal: bool,
    /// The chance of a false abort that is accepted.
    pub false_alarm: f64,
    /// True where the anytime-valid test aborts by itself, too.
    pub evidence_aborts: bool,
    /// Length of the baseline.
    pub baseline_us: u64,
    /// The faults, one step after the other; a step without any waits.
    pub steps: Vec<ScriptStep>,
    /// The schedule of faults that are toggled, over the steps; empty where none is.
    pub toggled: Vec<record::Toggled>,
    /// How long the run's own traffic may rest, with what follows until the service is back, after
    /// a slot that did not bring it back; 0 for never.
    pub drain_us: u64,
    /// Time allowed for recovery.
    pub recovery_us: u64,
    /// How many targets the run may hold at once.
    pub radius_max: u32,
}

/// Faults that are on together for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptStep {
    /// The faults.
    pub injections: Vec<Injection>,
    /// How long they stay.
    pub hold_us: u64,
}

impl Script {
    /// The pids whose namespaces the fingerprints cover.
    pub(super) fn pids(&self) -> Vec<u32> {
        let mut pids: Vec<u32> = self
            .steps
            .iter()
            .flat_map(|step| &step.injections)
            .map(|injection| injection.target.process.pid)
            .collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// The abort rule of a window of the given length.
    pub(super) fn rule(&self, window_us: u64) -> Rule {
        Rule {
            consecutive: self.consecutive.max(1),
            literal: self.literal,
            alpha: self.false_alarm,
            evidence_aborts: false,
            samples: window_us.div_ceil(self.every_us.max(1)).max(1),
            rho: 0.0,
        }
    }

    /// The abort rule while faults are on, over all steps.
    pub(super) fn hold_rule(&self) -> Rule {
        let with_faults = self.steps.iter().filter(|step| !step.injections.is_empty());
        let hold_us = with_faults.map(|step| step.hold_us).sum();
        Rule { evidence_aborts: self.evidence_aborts, ..self.rule(hold_us) }
    }

    /// The abort rule of the slots that are free of faults.
    pub(super) fn free_rule(&self) -> Rule {
        let free = self.steps.iter().filter(|step| step.injections.is_empty());
        self.rule(free.map(|step| step.hold_us).sum())
    }

    /// The longest lease, in microseconds.
    pub(super) fn lease_us_max(&self) -> u64 {
        let all = self.steps.iter().flat_map(|step| &step.injections);
        all.map(|injection| injection.lease_ms * 1_000).max().unwrap_or(0)
    }

    /// The indicators as the judge wants them.
    pub(super) fn judged(&self) -> Vec<Indicator> {
        self.indicators.iter().map(judged).collect()
    }
}

fn judged(indicator: &record::Indicator) -> Indicator {
    let expect = indicator.expect.trim();
    Indicator {
        name: indicator.name.clone(),
        bound: indicator.bound,
        at_least: indicator.at_least,
        strict: expect.starts_with(['<', '>']) && !expect[1..].starts_with('='),
        bad_share: indicator.bad_share,
        is_share: indicator.unit == record::Unit::Share && indicator.bad_share.is_some(),
    }
}
