//! Owns the conversation with the agent: which calls are under way, and what it means when an
//! answer does not come.

use super::event::Command;
use super::script::{AGENT_WAIT_US, ARM_US_MAX, CALL_US_MAX, DISARM_US_MAX, WATCHDOG_US_MAX};
use super::slot::Stage;
use super::state::{Core, Stop};
use squall_wire::protocol::{Answer, Ask, Notice};
use squall_wire::record::{AbortCause, Phase};

/// What is known of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agent {
    /// There is none yet; nothing was ever asked of one.
    Awaited {
        /// How long it is waited for.
        until_us: u64,
    },
    /// It answers.
    Up,
    /// It was there and is gone.
    Lost {
        /// How long another one is waited for.
        until_us: u64,
    },
    /// It is not waited for any more.
    GivenUp,
}

/// A call that is under way.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) what: Asked,
    pub(super) deadline_us: u64,
}

/// What a call was about, as far as its answer needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Arm the slot of this index.
    Arm(usize),
    /// Renew the run's leases.
    Renew,
    /// Disarm the whole run.
    Disarm,
    /// The bite of the slot of this index.
    Bite(usize),
    /// What is armed.
    Status,
    /// The host's state before.
    FingerprintBefore,
    /// The host's state after.
    FingerprintAfter,
}

impl Core {
    pub(super) fn ask(&mut self, what: Asked, ask: Ask) {
        let limit_us = match what {
            Asked::Arm(_) => ARM_US_MAX,
            Asked::Disarm => DISARM_US_MAX,
            _ => CALL_US_MAX,
        };
        let call = self.next_call;
        self.next_call += 1;
        let deadline_us = self.now_us.saturating_add(limit_us);
        self.calls.insert(call, Pending { what, deadline_us });
        self.out.push(Command::Ask { call, ask: Box::new(ask) });
    }

    pub(super) fn is_asked(&self, what: Asked) -> bool {
        self.calls.values().any(|pending| pending.what == what)
    }

    pub(super) fn agent_wakeup_us(&self) -> Option<u64> {
        match self.agent {
            // The baseline needs no agent.
            Agent::Awaited { until_us } | Agent::Lost { until_us } => {
                (self.phase != Phase::Baseline).then_some(until_us)
            }
            Agent::Up | Agent::GivenUp => None,
        }
    }

    pub(super) fn agent_up(&mut self) {
        if self.agent == Agent::Up {
            // A new connection means that the old one is dead, whoever noticed first.
            self.agent_lost("its connection was replaced");
        }
        let was_lost = matches!(self.agent, Agent::Lost { .. } | Agent::GivenUp);
        self.agent = Agent::Up;
        self.calls.clear();
        if was_lost && self.acting() > 0 {
            self.ask(Asked::Status, Ask::Status);
        }
    }

    pub(super) fn agent_lost(&mut self, why: &str) {
        if !matches!(self.agent, Agent::Up | Agent::Awaited { .. }) {
            return;
        }
        self.calls.clear();
        self.renew_at_us = None;
        for slot in self.slots.iter_mut().filter(|slot| slot.stage.may_act()) {
            slot.stage = Stage::Unknown;
            slot.ordered_us.get_or_insert(self.now_us);
        }
        let wait_us = if self.acting() > 0 {
            self.script.lease_us_max().saturating_add(WATCHDOG_US_MAX)
        } else {
            AGENT_WAIT_US
        };
        self.agent = Agent::Lost { until_us: self.now_us.saturating_add(wait_us) };
        if self.phase == Phase::Baseline {
            // Looks are compared that one agent took: what an agent makes of itself stands in both.
            self.after.look_before_again();
        }
        self.out.push(Command::Reconnect);
        let under_way = matches!(self.phase, Phase::Injecting | Phase::Holding | Phase::Draining);
        if self.acting() > 0 || under_way {
            self.end_early(lost(format!("the agent is gone: {why}")), None);
        } else {
            self.warn("agent-lost", format!("the agent is gone, and nothing was in place: {why}"));
        }
    }

    pub(super) fn agent_failed(&mut self, why: String) {
        if self.agent == Agent::Up {
            return;
        }
        if self.acting() == 0 && self.phase < Phase::Reverting {
            // Where no agent may start, nothing was ever touched: a refusal like any other.
            let refused = !self.slots.iter().any(|slot| slot.was_armed);
            self.end_early(Stop { refused, ..lost(why) }, None);
        } else {
            // The watchdog of the old one may be at work, so the wait goes on.
            self.warn("agent-start", why);
        }
    }

    pub(super) fn pass_agent(&mut self) {
        let due = self.agent_wakeup_us().is_some_and(|at| self.now_us >= at);
        if !due {
            return;
        }
        self.agent = Agent::GivenUp;
        self.calls.clear();
        let advice = "squall undo".to_string();
        for slot in self.slots.iter_mut().filter(|slot| slot.stage.may_act()) {
            slot.stage = Stage::Stuck;
            slot.residue = vec!["unknown: no agent could be asked".into()];
            slot.advice = Some(advice.clone());
        }
        self.record_stuck();
        if self.phase < Phase::Reverting {
            let text = "no agent answered in time; is it allowed to start?";
            self.end_early(lost(text.into()), None);
        }
    }

    pub(super) fn pass_calls(&mut self) {
        let late = |pending: &Pending| self.now_us >= pending.deadline_us;
        let Some((&call, pending)) = self.calls.iter().find(|(_, pending)| late(pending)) else {
            return;
        };
        let what = pending.what;
        self.calls.remove(&call);
        match what {
            // What only informs is not worth a run, and a fault is undone without it.
            Asked::Bite(_) => {}
            Asked::FingerprintBefore | Asked::FingerprintAfter => {
                self.fingerprint_missing("the agent did not answer in time");
            }
            Asked::Arm(_) | Asked::Renew | Asked::Disarm | Asked::Status => {
                self.agent_lost("it did not answer in time");
            }
        }
    }

    pub(super) fn reply(&mut self, call: u64, answer: Answer) {
        let Some(pending) = self.calls.remove(&call) else { return };
        match (pending.what, answer) {
            (Asked::Arm(slot), Answer::Armed(armed)) => self.armed(slot, armed),
            (Asked::Arm(slot), Answer::Refused(refusal)) => self.arm_refused(slot, &refusal),
            (Asked::Disarm, Answer::Disarmed { outcomes }) => self.disarmed(outcomes),
            (Asked::Bite(slot), Answer::Bite(bite)) => self.bitten(slot, bite),
            (Asked::Status, Answer::Status { armed, stuck }) => self.status(call, &armed, &stuck),
            (Asked::FingerprintBefore, Answer::Fingerprint(fingerprint)) => {
                self.fingerprint_before(fingerprint);
            }
            (Asked::FingerprintAfter, Answer::Fingerprint(fingerprint)) => {
                self.fingerprint_after(fingerprint);
            }
            (Asked::FingerprintBefore | Asked::FingerprintAfter, Answer::Refused(refusal)) => {
                self.fingerprint_missing(&refusal.message);
            }
            (Asked::Renew, Answer::Renewed { .. }) | (Asked::Bite(_), _) => {}
            // The leases are over: the notice of their end says how it went, and the state is
            // asked for in case that notice was lost.
            (Asked::Renew | Asked::Disarm, _) => self.ask_status(),
            (what, other) => {
                self.agent_lost(&format!("it answered {other:?} to {what:?}"));
            }
        }
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        let Notice::Ended { why, outcome } = notice;
        let ours = |slot: &&super::slot::Slot| {
            slot.injection.id == outcome.injection && slot.stage.may_act()
        };
        if outcome.run != self.script.run || self.slots.iter().find(ours).is_none() {
            return;
        }
        // The cap is a little longer than the hold: it is the only end by itself that is in time.
        let in_time = why == "cap" && self.hold_served();
        let early = matches!(self.phase, Phase::Injecting | Phase::Holding) && !in_time;
        let found = self.slots.iter().find(|slot| slot.injection.id == outcome.injection);
        let name = found.map_or(String::new(), |slot| {
            format!("{} on {}", slot.injection.fault, slot.injection.target.name)
        });
        self.undone(outcome, "agent");
        if early {
            let cause = match why.as_str() {
                "target gone" => AbortCause::TargetGone,
                "undo" => AbortCause::Stopped,
                _ => AbortCause::FaultEnded,
            };
            let text = format!("{name} ended before its time: {why}");
            self.end_early(Stop { cause, text, refused: false }, None);
        } else {
            self.close_window();
        }
    }

    pub(super) fn ask_status(&mut self) {
        if self.agent == Agent::Up && !self.is_asked(Asked::Status) {
            self.ask(Asked::Status, Ask::Status);
        }
    }
}

fn lost(text: String) -> Stop {
    Stop { cause: AbortCause::AgentLost, text, refused: false }
}
