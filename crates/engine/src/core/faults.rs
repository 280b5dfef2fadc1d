//! Owns putting faults in place, keeping them, and taking them away.

use super::agent::{Agent, Asked};
use super::script::{DISARM_TRIES_MAX, FINGERPRINT_LEAD_US, RENEWALS_PER_LEASE};
use super::slot::{Slot, Stage};
use super::state::{Core, Stop};
use squall_judge::evidence::PAUSE;
use squall_judge::verdict::Before;
use squall_wire::injection::Bite;
use squall_wire::protocol::{Armed, ArmedLine, Ask, Refusal, Undone};
use squall_wire::record::{AbortCause, Event as Recorded, Phase};

impl Core {
    pub(super) fn advance_baseline(&mut self) {
        if self.stop.is_some() {
            self.enter(Phase::Judging);
            return;
        }
        if !self.window_over() {
            if self.window_ends_within(FINGERPRINT_LEAD_US) {
                self.ask_fingerprint_before();
            }
            return;
        }
        self.check_before();
        let phase = if self.before == Before::Met { Phase::Injecting } else { Phase::Judging };
        self.enter(phase);
    }

    pub(super) fn advance_injecting(&mut self) {
        if self.stop.is_some() {
            self.enter(Phase::Reverting);
            return;
        }
        if self.agent != Agent::Up {
            return;
        }
        if self.after.wants_before() {
            self.ask_fingerprint_before();
            return;
        }
        let now = self.step;
        let due = (0..self.slots.len())
            .filter(|i| self.slots[*i].step == now && self.slots[*i].stage == Stage::Planned);
        for index in due.collect::<Vec<_>>() {
            self.slots[index].stage = Stage::Arming;
            let injection = Box::new(self.slots[index].injection.clone());
            let radius_max = self.script.radius_max;
            self.ask(Asked::Arm(index), Ask::Arm { injection, radius_max });
        }
        if self.slots_now().all(|slot| slot.stage == Stage::Armed) {
            self.enter(Phase::Holding);
            self.open_window(self.script.steps[self.step].hold_us);
            self.begin_slot();
        }
    }

    pub(super) fn advance_holding(&mut self) {
        if self.window_over() && self.wants_drain() {
            self.begin_drain();
        } else if self.stop.is_some() || self.window_over() {
            self.enter(Phase::Reverting);
        }
    }

    pub(super) fn advance_reverting(&mut self) {
        self.renew_at_us = None;
        // The order to undo goes out at once, and once more for an arming that is answered after
        // it: the agent undoes what is half done when it is told to.
        if self.acting() > 0 {
            let arming = |i: usize| self.is_asked(Asked::Arm(i));
            let only_arming = (0..self.slots.len())
                .filter(|i| self.slots[*i].stage.may_act())
                .all(|i| arming(i) && self.disarms > 0);
            let asked = self.is_asked(Asked::Disarm) || self.is_asked(Asked::Status);
            let idle = !asked && !only_arming;
            if self.agent == Agent::Up && idle {
                self.disarm();
            }
            // The last try may have given up on them: then there is nothing left to wait for.
            if self.acting() > 0 {
                return;
            }
        }
        self.disarms = 0;
        if self.stop.is_none() && self.step + 1 < self.script.steps.len() {
            if !self.pauses() {
                self.step += 1;
                self.enter(Phase::Injecting);
                return;
            }
            let e = self.hold.evidence().unwrap_or(0.0);
            let text = format!(
                "evidence of {e:.0} that the steady state broke: the steps after step {} are not \
                 begun (from {PAUSE:.0} on nothing more is put on the target)",
                self.step + 1
            );
            self.warn("paused", text);
        }
        self.begin_after();
    }

    /// Tells whether the next step would put more on a system that seems to be hurt already. The
    /// same fault on the same target once more is not more, and a schedule of slots has rests.
    fn pauses(&self) -> bool {
        let what = |i: &squall_wire::injection::Injection| {
            (i.fault.clone(), i.params.clone(), i.target.name.clone())
        };
        let steps = &self.script.steps;
        let before: Vec<_> =
            steps[..=self.step].iter().flat_map(|step| &step.injections).map(what).collect();
        let adds = steps[self.step + 1].injections.iter().any(|i| !before.contains(&what(i)));
        adds && self.script.toggled.is_empty() && self.hold.pauses()
    }

    pub(super) fn armed(&mut self, index: usize, armed: Armed) {
        let slot = &mut self.slots[index];
        if slot.stage != Stage::Arming {
            return;
        }
        slot.stage = Stage::Armed;
        slot.was_armed = true;
        slot.known_since = self.next_call;
        if self.phase == Phase::Reverting {
            self.disarms = 0;
        }
        slot.receipt = Some(armed.receipt.clone());
        let injection = slot.injection.id.clone();
        let third_us = slot.injection.lease_ms * 1_000 / RENEWALS_PER_LEASE;
        let due_us = self.now_us.saturating_add(third_us);
        self.renew_at_us = Some(self.renew_at_us.map_or(due_us, |at| at.min(due_us)));
        self.record(Recorded::Receipt {
            id: armed.receipt,
            injection: injection.clone(),
            took_us: armed.receipt_us,
        });
        let took_us = armed.apply_us;
        self.record(Recorded::Inject { injection, mechanism: armed.mechanism, took_us });
    }

    pub(super) fn arm_refused(&mut self, index: usize, refusal: &Refusal) {
        let slot = &mut self.slots[index];
        if slot.stage != Stage::Arming {
            return;
        }
        // It was put in place by half, and that half could not be undone.
        let is_stuck = refusal.code == "stuck";
        slot.stage = if is_stuck { Stage::Stuck } else { Stage::Refused };
        slot.residue.extend(is_stuck.then(|| refusal.message.clone()));
        let name = slot.injection.target.name.clone();
        slot.advice.clone_from(&refusal.help);
        let fault = &slot.injection.fault;
        // The agent names both as well, for those who talk to it directly.
        let named = format!("{fault} on {name}: ");
        let why = refusal.message.strip_prefix(&named).unwrap_or(&refusal.message);
        let text = format!("{fault} on {name} was refused: {why}");
        // These were begun and undone again; every other refusal changed nothing.
        let refused = !matches!(refusal.code.as_str(), "failed" | "ended" | "stuck");
        self.end_early(Stop { cause: AbortCause::InjectFailed, text, refused }, None);
        if is_stuck {
            self.record_stuck();
        }
    }

    pub(super) fn pass_renewal(&mut self) {
        let due = self.renew_at_us.is_some_and(|at| self.now_us >= at);
        if !due || self.agent != Agent::Up {
            return;
        }
        if !matches!(self.phase, Phase::Injecting | Phase::Holding) {
            self.renew_at_us = None;
            return;
        }
        let lease_ms = self.slots_now().map(|slot| slot.injection.lease_ms).min().unwrap_or(0);
        let third_us = (lease_ms * 1_000 / RENEWALS_PER_LEASE).max(1);
        self.renew_at_us = Some(self.now_us.saturating_add(third_us));
        if !self.is_asked(Asked::Renew) {
            let run = self.script.run.clone();
            self.ask(Asked::Renew, Ask::Renew { run });
        }
    }

    /// Asks what each fault shows of itself, until it has shown something.
    pub(super) fn ask_bites(&mut self) {
        if self.agent != Agent::Up {
            return;
        }
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            let shown = slot.bite.as_ref().is_some_and(|bite| bite.hits > 0);
            if slot.stage != Stage::Armed || shown || self.is_asked(Asked::Bite(index)) {
                continue;
            }
            let (run, injection) = (self.script.run.clone(), slot.injection.id.clone());
            self.ask(Asked::Bite(index), Ask::Bite { run, injection });
        }
    }

    pub(super) fn bitten(&mut self, index: usize, bite: Bite) {
        let slot = &mut self.slots[index];
        let first = bite.hits > 0 && slot.bite.as_ref().is_none_or(|old| old.hits == 0);
        let injection = slot.injection.id.clone();
        slot.bite = Some(bite.clone());
        if first {
            self.record(Recorded::Bite { injection, bite });
        }
    }

    pub(super) fn disarmed(&mut self, outcomes: Vec<Undone>) {
        for outcome in outcomes {
            self.undone(outcome, "engine");
        }
        if self.acting() > 0 {
            self.ask_status();
        }
    }

    /// Takes note of how an undo went, whoever did it.
    pub(super) fn undone(&mut self, outcome: Undone, by: &str) {
        let ours = outcome.run == self.script.run;
        let found = self
            .slots
            .iter_mut()
            .find(|slot| ours && slot.injection.id == outcome.injection && slot.stage.may_act());
        let Some(slot) = found else { return };
        let clean = outcome.residue.is_empty();
        slot.stage = if clean { Stage::Restored } else { Stage::Stuck };
        slot.residue.clone_from(&outcome.residue);
        slot.advice.clone_from(&outcome.advice);
        let injection = outcome.injection;
        if let Some(bite) = outcome.bite {
            slot.bite = Some(bite.clone());
            self.record(Recorded::Bite { injection: injection.clone(), bite });
        }
        self.record(Recorded::Restore {
            injection,
            by: by.into(),
            took_us: outcome.took_us,
            residue: outcome.residue,
            advice: outcome.advice,
        });
    }

    /// Compares what the agent holds with what the core believes it holds.
    pub(super) fn status(&mut self, call: u64, armed: &[ArmedLine], stuck: &[String]) {
        let run = self.script.run.clone();
        let arming: Vec<usize> =
            (0..self.slots.len()).filter(|i| self.is_asked(Asked::Arm(*i))).collect();
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            let is_news = slot.known_since > call;
            if !slot.stage.may_act() || arming.contains(&index) || is_news {
                continue;
            }
            let id = &slot.injection.id;
            if armed.iter().any(|line| line.run == run && line.injection == *id) {
                continue;
            }
            let known = slot.receipt.clone().unwrap_or_else(|| format!("r-{run}-{id}"));
            let is_stuck = stuck.contains(&known);
            self.found_gone(index, is_stuck, known);
        }
        if matches!(self.phase, Phase::Injecting | Phase::Holding) && !self.all_in_place() {
            let text = "a fault ended before its time, and its notice was lost".to_string();
            let stop = Stop { cause: AbortCause::FaultEnded, text, refused: false };
            self.end_early(stop, None);
        }
    }

    pub(super) fn record_stuck(&mut self) {
        let stuck: Vec<Slot> =
            self.slots.iter().filter(|slot| slot.stage == Stage::Stuck).cloned().collect();
        for slot in stuck {
            let took_us = slot.ordered_us.map_or(0, |at| self.now_us.saturating_sub(at));
            self.record(Recorded::Restore {
                injection: slot.injection.id,
                by: "engine".into(),
                took_us,
                residue: slot.residue,
                advice: slot.advice,
            });
        }
    }

    /// True where the hold of this step was served in full, so that an end now is no early one.
    pub(super) fn hold_served(&self) -> bool {
        let hold_us = self.script.steps.get(self.step).map_or(0, |step| step.hold_us);
        self.phase == Phase::Holding && self.now_us >= self.phase_since_us.saturating_add(hold_us)
    }

    fn slots_now(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.step == self.step)
    }

    fn all_in_place(&self) -> bool {
        self.slots_now().all(|slot| matches!(slot.stage, Stage::Armed | Stage::Arming))
    }

    fn disarm(&mut self) {
        self.disarms += 1;
        if self.disarms > DISARM_TRIES_MAX {
            for slot in self.slots.iter_mut().filter(|slot| slot.stage.may_act()) {
                slot.stage = Stage::Stuck;
                slot.residue = vec!["the agent still lists it as armed".into()];
                slot.advice = Some("squall undo".into());
            }
            self.record_stuck();
            return;
        }
        let now_us = self.now_us;
        for slot in self.slots.iter_mut().filter(|slot| slot.stage.may_act()) {
            slot.ordered_us.get_or_insert(now_us);
        }
        let run = self.script.run.clone();
        self.ask(Asked::Disarm, Ask::Disarm { run, injection: None });
    }

    /// The agent does not hold the fault any more, and nobody said how it went.
    fn found_gone(&mut self, index: usize, is_stuck: bool, receipt: String) {
        let slot = &mut self.slots[index];
        slot.stage = if is_stuck { Stage::Stuck } else { Stage::Restored };
        if is_stuck {
            slot.residue = vec![format!("receipt {receipt} could not be undone yet")];
            slot.advice = Some("squall undo".into());
        }
        let never = !slot.was_armed && !is_stuck;
        if never {
            slot.stage = Stage::Refused;
            return;
        }
        let (injection, residue) = (slot.injection.id.clone(), slot.residue.clone());
        let advice = slot.advice.clone();
        let since_us = slot.ordered_us.unwrap_or(self.now_us);
        let took_us = self.now_us.saturating_sub(since_us);
        let by = "watchdog".to_string();
        self.record(Recorded::Restore { injection, by, took_us, residue, advice });
    }
}
