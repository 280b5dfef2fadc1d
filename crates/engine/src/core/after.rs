//! Owns what comes after the faults: comparing the host with what it was, and the recovery.

use super::agent::{Agent, Asked};
use super::script::SECOND_LOOK_US;
use super::state::Core;
use squall_judge::recovery::Recovery;
use squall_wire::fingerprint::{Difference, Fingerprint, OF_TARGET};
use squall_wire::protocol::Ask;
use squall_wire::record::{AbortCause, Event as Recorded, Phase, When};
use std::collections::BTreeSet;

/// What comes and goes on a host that starts containers or gets a new address, and what no fault
/// makes or takes. Such a fact is recorded; only with the run's id or a target's mark in it would
/// it be a residue.
const OF_THE_HOST: [&str; 8] = [
    "addresses",
    "cgroups",
    "mounts",
    "named namespaces",
    "qdiscs",
    "routes",
    // State folders and scratch of other runs; no fault makes a file with a name.
    "squall files",
    // People stop their own processes; only a target's can be a residue.
    "stopped processes",
];

/// How far the comparison has come.
#[derive(Debug, Clone, Default)]
pub(super) struct After {
    before: Look,
    after: Look,
    /// When the second look is due.
    again_us: Option<u64>,
    /// What the first look found.
    first: Vec<Difference>,
    /// Other runs that had a fault on this host during a look.
    others: BTreeSet<String>,
    /// What was there at both looks and not before.
    remained: Vec<Difference>,
}

#[derive(Debug, Clone, Default)]
enum Look {
    #[default]
    Wanted,
    Taken(Box<Fingerprint>),
    Missing,
}

impl After {
    pub(super) fn look_again_us(&self) -> Option<u64> {
        self.again_us
    }

    pub(super) fn left_over(&self) -> bool {
        !self.remained.is_empty()
    }

    pub(super) fn remained(&self) -> &[Difference] {
        &self.remained
    }

    pub(super) fn wants_before(&self) -> bool {
        matches!(self.before, Look::Wanted)
    }

    /// Nothing was touched since the look, and another agent is to take it again.
    pub(super) fn look_before_again(&mut self) {
        self.before = Look::Wanted;
    }

    fn wants_after(&self) -> bool {
        !self.is_over() && self.again_us.is_none()
    }

    fn is_over(&self) -> bool {
        // Without a look before there is nothing to compare with.
        !matches!(self.before, Look::Taken(_)) || !matches!(self.after, Look::Wanted)
    }
}

impl Core {
    /// Asks for the host's state before any fault, once, and where there is an agent to ask.
    pub(super) fn ask_fingerprint_before(&mut self) {
        let asked = self.is_asked(Asked::FingerprintBefore);
        if self.agent == Agent::Up && self.after.wants_before() && !asked {
            let pids = self.script.pids();
            self.ask(Asked::FingerprintBefore, Ask::Fingerprint { pids });
        }
    }

    pub(super) fn fingerprint_before(&mut self, fingerprint: Fingerprint) {
        self.after.before = Look::Taken(Box::new(fingerprint.clone()));
        self.record(Recorded::Fingerprint { when: When::Before, fingerprint });
    }

    pub(super) fn fingerprint_missing(&mut self, why: &str) {
        match self.after.before {
            Look::Wanted => self.after.before = Look::Missing,
            _ => self.after.after = Look::Missing,
        }
        self.warn("fingerprint", format!("the host's state could not be read: {why}"));
    }

    pub(super) fn fingerprint_after(&mut self, fingerprint: Fingerprint) {
        let Look::Taken(before) = &self.after.before else { return };
        let differences = before.differences(&fingerprint);
        let (equal, of) = before.equal_categories(&fingerprint);
        let run = &self.script.run;
        let others = fingerprint.runs.iter().filter(|other| *other != run);
        self.after.others.extend(others.cloned());
        let appeared = differences.iter().any(|difference| may_be_ours(difference, run));
        let is_second = self.after.again_us.is_none() && !self.after.first.is_empty();
        if appeared && !is_second {
            // Hosts are busy: only what is still there after a moment counts.
            self.after.first = differences;
            self.after.again_us = Some(self.now_us.saturating_add(SECOND_LOOK_US));
            return;
        }
        let first = &self.after.first;
        self.after.remained = differences
            .iter()
            .filter(|difference| may_be_ours(difference, run) && first.contains(difference))
            .cloned()
            .collect();
        self.leave_to_others();
        self.after.after = Look::Taken(Box::new(fingerprint.clone()));
        self.record(Recorded::Fingerprint { when: When::After, fingerprint });
        self.record(Recorded::Compared { equal, of, differences });
    }

    pub(super) fn pass_second_look(&mut self) {
        if self.after.again_us.is_some_and(|at| self.now_us >= at) {
            // Asked for in `advance_recovering`, as soon as there is an agent.
            self.after.again_us = None;
        }
    }

    /// Every fault is away, or given up.
    pub(super) fn begin_after(&mut self) {
        let cause = self.stop.as_ref().map(|stop| stop.cause);
        let was_hurt = self.slots.iter().any(|slot| slot.was_armed);
        // A recovery is worth waiting for where the verdict or a person learns from it.
        let waits =
            !self.hurry && matches!(cause, None | Some(AbortCause::Rule | AbortCause::NoData));
        self.enter(Phase::Recovering);
        if was_hurt && waits {
            let rule = self.script.rule(self.script.recovery_us);
            self.recovery = Some(Recovery::new(rule, &self.script.judged()));
            self.open_window(self.script.recovery_us);
        }
    }

    pub(super) fn advance_recovering(&mut self) {
        let confirmed = self.recovery.as_ref().is_some_and(|r| r.progress().confirmed_ms.is_some());
        if confirmed {
            self.window = None;
        }
        if self.agent == Agent::Up
            && self.after.wants_after()
            && !self.is_asked(Asked::FingerprintAfter)
        {
            self.ask_fingerprint_after();
        }
        let recovered = self.window.as_ref().is_none_or(|window| window.over);
        let compared = self.after.is_over() || self.agent == Agent::GivenUp;
        if recovered && compared {
            self.record_recovery();
            self.enter(Phase::Judging);
        }
    }

    /// What remained counts only where no other run had a fault on this host during the looks. The
    /// agent says so together with what it read: asked a moment later, it would not know any more
    /// of a fault that has ended since.
    fn leave_to_others(&mut self) {
        if self.after.remained.is_empty() || self.after.others.is_empty() {
            return;
        }
        let others: Vec<&str> = self.after.others.iter().map(String::as_str).collect();
        let text = format!(
            "the host differs while run {} has faults on it, so the difference proves nothing",
            others.join(", ")
        );
        self.after.remained.clear();
        self.warn("other-run", text);
    }

    #[cfg(test)]
    pub(super) fn after_looks_again(&self) -> bool {
        self.after.again_us.is_some()
    }

    fn ask_fingerprint_after(&mut self) {
        let pids = self.script.pids();
        self.ask(Asked::FingerprintAfter, Ask::Fingerprint { pids });
    }
}

fn may_be_ours(difference: &Difference, run: &str) -> bool {
    let of_the_host = OF_THE_HOST.contains(&difference.category.as_str());
    let is_marked = difference.fact.contains(run) || difference.fact.ends_with(OF_TARGET);
    difference.appeared && (!of_the_host || is_marked)
}
