//! From a decision to end to a closed receipt: revert, retry, close, or ask a person.

use super::arm::refusal;
use super::event::{Command, Reverted, Slot};
use super::limits::{REVERT_TRIES_MAX, STEP_NS_MAX, backoff_ns};
use super::slot::{Held, Stage};
use super::state::Core;
use squall_wire::protocol::{Answer, Notice};
use squall_wire::receipt::Receipt;

impl Core {
    /// Takes up a receipt of an earlier life: undone at once, whoever wrote it.
    pub(super) fn found(&mut self, receipt: Box<Receipt>) {
        let slot = Slot(self.next_slot);
        self.next_slot += 1;
        let other_boot = receipt.boot != self.config.boot;
        let held = Held {
            run: receipt.run.clone(),
            injection: receipt.injection.clone(),
            fault: receipt.fault.clone(),
            target: receipt.target.clone(),
            process: receipt.process,
            owner: None,
            by: "an earlier agent".into(),
            call: None,
            refusal: None,
            lease: None,
            radius_max: u32::MAX,
            receipt: Some(receipt),
            synced: true,
            stage: Stage::Armed,
            step_until_ns: u64::MAX,
            watch_ns: None,
            since_ns: self.now_ns,
            receipt_us: 0,
            tries: 0,
            ending: None,
            how: Reverted::default(),
            closer: "restart",
        };
        self.held.insert(slot, held);
        // Nothing outlives a reboot, and its pids mean other processes now.
        if other_boot { self.close(slot) } else { self.end(slot, "restart", false) }
    }

    /// Ends what has run out of time. Called before every event, so that a renewal that comes
    /// at the deadline comes too late.
    pub(super) fn pass_time(&mut self) {
        let due = |held: &Held| held.deadline_ns().is_some_and(|at| at <= self.now_ns);
        let due: Vec<Slot> =
            self.held.iter().filter(|(_, held)| due(held)).map(|(slot, _)| *slot).collect();
        for slot in due {
            let Some(held) = self.held.get(&slot) else { continue };
            match held.stage {
                Stage::Waiting(_) => self.revert(slot),
                Stage::ClosingLater(_) => self.close(slot),
                _ => {
                    let ended = held.lease.filter(|lease| lease.ended(self.now_ns));
                    let why = match ended {
                        Some(lease) if lease.deadline_ns() == lease.cap_ns() => "cap",
                        Some(_) => "lease",
                        None => "slow",
                    };
                    self.end(slot, why, false);
                }
            }
        }
    }

    pub(super) fn end_all(&mut self, why: &'static str, again: bool) -> Vec<Slot> {
        let all: Vec<Slot> = self.held.keys().copied().collect();
        all.iter().for_each(|slot| self.end(*slot, why, again));
        all
    }

    /// Begins to end one injection. `again` also takes up one that was stuck or is waiting.
    pub(super) fn end(&mut self, slot: Slot, why: &'static str, again: bool) {
        let now_ns = self.now_ns;
        let Some(held) = self.held.get_mut(&slot) else { return };
        let first = held.ending.is_none();
        match held.stage {
            Stage::Preparing | Stage::Writing if first => {
                // Nothing was touched, so the caller need not wait for the disk.
                held.ending = Some((why, now_ns));
                let text = format!("ended before it was in place: {why}");
                held.refusal.get_or_insert_with(|| refusal("ended", &text, "start it again"));
                self.tell_refused(slot);
                if self.held_back.contains(&slot) {
                    // Nor is there anything on the disk, or on its way to it.
                    self.held_back.retain(|held| *held != slot);
                    self.forget(slot);
                }
            }
            Stage::Applying | Stage::Armed if first => {
                held.ending = Some((why, now_ns));
                if held.call.is_some() {
                    let text = format!("ended before it was in place: {why}");
                    held.refusal.get_or_insert_with(|| refusal("ended", &text, "start it again"));
                }
                self.revert(slot);
            }
            Stage::Waiting(_) | Stage::Stuck if again => {
                held.tries = 0;
                held.ending = Some((why, now_ns));
                self.revert(slot);
            }
            _ => {}
        }
    }

    fn revert(&mut self, slot: Slot) {
        let until_ns = self.now_ns.saturating_add(STEP_NS_MAX);
        let Some(held) = self.held.get_mut(&slot) else { return };
        let Some(receipt) = held.receipt.clone() else { return };
        held.stage = Stage::Reverting;
        held.watch_ns = Some(until_ns);
        // Past this the watchdog takes the agent for hung and undoes it in its place.
        self.out.push(Command::Watch { receipt: receipt.id.clone(), deadline_ns: until_ns });
        self.out.push(Command::Revert { slot, receipt });
    }

    pub(super) fn reverted(&mut self, slot: Slot, how: Reverted) {
        let now_ns = self.now_ns;
        let Some(held) = self.held.get_mut(&slot) else { return };
        if held.stage != Stage::Reverting {
            return;
        }
        let bite = how.bite.clone().or(held.how.bite.take());
        held.how = Reverted { bite, ..how };
        if held.how.error.is_none() && held.how.residue.is_empty() {
            self.tell_undone(slot);
            return self.close(slot);
        }
        held.tries += 1;
        let Some(receipt) = held.receipt.as_ref().map(|receipt| receipt.id.clone()) else { return };
        if held.tries < REVERT_TRIES_MAX {
            let until = now_ns.saturating_add(backoff_ns(held.tries - 1));
            held.stage = Stage::Waiting(until);
            let deadline_ns = until.saturating_add(STEP_NS_MAX);
            held.watch_ns = Some(deadline_ns);
            self.out.push(Command::Watch { receipt, deadline_ns });
        } else {
            held.stage = Stage::Stuck;
            held.watch_ns = None;
            self.out.push(Command::Unwatch { receipt });
            self.tell_undone(slot);
        }
    }

    pub(super) fn close(&mut self, slot: Slot) {
        let Some(held) = self.held.get_mut(&slot) else { return };
        let Some(receipt) = held.receipt.as_ref().map(|receipt| receipt.id.clone()) else { return };
        if !held.is_closing() {
            held.tries = 0;
            held.watch_ns = None;
            self.out.push(Command::Unwatch { receipt: receipt.clone() });
        }
        held.stage = Stage::Closing;
        let by = held.closer;
        self.out.push(Command::CloseReceipt { slot, receipt, by });
    }

    pub(super) fn closed(&mut self, slot: Slot, written: bool) {
        let now_ns = self.now_ns;
        let Some(held) = self.held.get_mut(&slot) else { return };
        if held.stage != Stage::Closing {
            return;
        }
        held.tries += 1;
        if written || held.tries >= REVERT_TRIES_MAX {
            // An entry that cannot be written costs one more idempotent undo at the next start.
            return self.forget(slot);
        }
        held.stage = Stage::ClosingLater(now_ns.saturating_add(backoff_ns(held.tries)));
    }

    /// Drops a slot that has no effect any more.
    pub(super) fn forget(&mut self, slot: Slot) {
        self.tell_refused(slot);
        self.held.remove(&slot);
        self.out.push(Command::Release { slot });
        self.write_receipts();
        for index in 0..self.waiters.len() {
            self.waiters[index].slots.remove(&slot);
        }
        self.answer_waiters();
    }

    fn tell_refused(&mut self, slot: Slot) {
        let Some(held) = self.held.get_mut(&slot) else { return };
        if let (Some(client), Some(call), Some(refusal)) =
            (held.owner, held.call.take(), held.refusal.take())
        {
            self.refuse(client, call, refusal);
        }
    }

    /// Tells everybody who waits or should know that an undo is over, restored or stuck.
    fn tell_undone(&mut self, slot: Slot) {
        let Some(held) = self.held.get(&slot) else { return };
        let outcome = held.undone(self.now_ns);
        let (owner, was_called) = (held.owner, held.call.is_some());
        let why = held.ending.map_or("", |(why, _)| why).to_string();
        let mut owner_waits = was_called;
        for waiter in &mut self.waiters {
            if waiter.slots.remove(&slot) {
                owner_waits |= Some(waiter.client) == owner;
                waiter.outcomes.push(outcome.clone());
            }
        }
        self.answer_waiters();
        if was_called {
            let left = outcome.residue.join("; ");
            if let Some(held) = self.held.get_mut(&slot)
                && let Some(refusal) = held.refusal.as_mut().filter(|_| !left.is_empty())
            {
                refusal.code = "stuck".into();
                refusal.message = format!("{}; still there: {left}", refusal.message);
                refusal.help = outcome.advice.clone();
            }
            self.tell_refused(slot);
        }
        if let Some(client) =
            owner.filter(|client| !owner_waits && self.clients.contains_key(client))
        {
            let notice = Box::new(Notice::Ended { why, outcome });
            self.out.push(Command::Notify { client, notice });
        }
    }

    fn answer_waiters(&mut self) {
        let done: Vec<_> = self.waiters.extract_if(.., |w| w.slots.is_empty()).collect();
        for waiter in done {
            let answer = Answer::Disarmed { outcomes: waiter.outcomes };
            self.answer(waiter.client, waiter.call, answer);
        }
    }
}
