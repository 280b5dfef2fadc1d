//! Everything a client may ask that is not arming.

use super::arm::refusal;
use super::event::{Client, Command, Slot};
use super::slot::{Held, Stage};
use super::state::{Core, Waiter};
use squall_wire::protocol::{Answer, ArmedLine, Ask, Call, PROTOCOL_VERSION, Refusal};
use std::collections::BTreeSet;

impl Core {
    pub(super) fn called(&mut self, client: Client, call: Call) {
        let id = call.id;
        let Some(joined) = self.clients.get_mut(&client) else { return };
        // A copy of a call, or one that a later call has overtaken: an arming that arrives after
        // the order to undo it must not happen.
        if joined.last_call.is_some_and(|last| id <= last) {
            return;
        }
        joined.last_call = Some(id);
        if joined.greeting.is_none() && !matches!(call.ask, Ask::Hello { .. }) {
            let text = "the first message on a connection is `hello`";
            return self.refuse(client, id, refusal("hello", text, "greet with your version"));
        }
        match call.ask {
            Ask::Hello { v, by } => self.greet(client, id, v, by),
            Ask::Arm { injection, radius_max } => self.arm(client, id, *injection, radius_max),
            Ask::Renew { run } => self.renew(client, id, &run),
            Ask::Disarm { run, injection } => {
                let of = |held: &Held| {
                    held.run == run && injection.as_ref().is_none_or(|id| *id == held.injection)
                };
                let slots = self.held.iter().filter(|(_, held)| of(held)).map(|(slot, _)| *slot);
                let slots: Vec<Slot> = slots.collect();
                slots.iter().for_each(|slot| self.end(*slot, "disarmed", true));
                self.wait_for(client, id, &slots);
            }
            Ask::Bite { run, injection } => self.bite(client, id, &run, &injection),
            Ask::Status => self.status(client, id),
            Ask::Fingerprint { pids } => {
                self.looks.insert((client, id), BTreeSet::new());
                self.out.push(Command::Fingerprint { client, call: id, pids });
            }
            Ask::Processes => self.out.push(Command::Processes { client, call: id }),
            Ask::UndoAll => {
                self.undone = true;
                let slots = self.end_all("undo", true);
                self.wait_for(client, id, &slots);
            }
            Ask::Shutdown => {
                self.leaving = true;
                self.answer(client, id, Answer::Bye);
            }
        }
    }

    fn greet(&mut self, client: Client, id: u64, v: u32, by: String) {
        if v != PROTOCOL_VERSION {
            let text = format!("this agent speaks version {PROTOCOL_VERSION}, not {v}");
            let help = "use the same build of squall for the run and the agent";
            return self.refuse(client, id, refusal("version", &text, help));
        }
        if let Some(joined) = self.clients.get_mut(&client) {
            joined.greeting = Some(by);
        }
        let welcome = Answer::Welcome {
            v: PROTOCOL_VERSION,
            version: self.config.version.clone(),
            pid: self.config.pid,
            watchdog: self.watchdog,
        };
        self.answer(client, id, welcome);
    }

    fn renew(&mut self, client: Client, id: u64, run: &str) {
        let now_ns = self.now_ns;
        let mut remaining: Option<u64> = None;
        let mut orders = Vec::new();
        for (slot, held) in self.held.iter_mut().filter(|(_, h)| h.run == run && h.is_live()) {
            let Some(lease) = held.lease.as_mut() else { continue };
            // What has ended was taken out before this event was looked at.
            if lease.renew(now_ns).is_err() {
                continue;
            }
            let deadline_ns = lease.deadline_ns();
            let left = (deadline_ns - now_ns) / 1_000_000;
            remaining = Some(remaining.map_or(left, |least| least.min(left)));
            if let (true, Some(receipt)) = (held.may_act(), &held.receipt) {
                orders.push(Command::Extend { slot: *slot, deadline_ns });
                held.watch_ns = Some(deadline_ns);
                orders.push(Command::Watch { receipt: receipt.id.clone(), deadline_ns });
            }
        }
        self.out.append(&mut orders);
        match remaining {
            Some(remaining_ms) => self.answer(client, id, Answer::Renewed { remaining_ms }),
            None => {
                let text = format!("run {run} holds nothing here any more");
                self.refuse(client, id, refusal("gone", &text, "its faults were undone already"));
            }
        }
    }

    fn wait_for(&mut self, client: Client, call: u64, slots: &[Slot]) {
        let waits = |held: &Held| matches!(held.stage, Stage::Reverting | Stage::Waiting(_));
        let slots = slots.iter().copied().filter(|slot| self.held.get(slot).is_some_and(waits));
        let slots: BTreeSet<Slot> = slots.collect();
        if slots.is_empty() {
            return self.answer(client, call, Answer::Disarmed { outcomes: Vec::new() });
        }
        self.waiters.push(Waiter { client, call, slots, outcomes: Vec::new() });
    }

    /// Whoever has a fault in hand now had it while the fingerprints under way were read. What is
    /// stuck stays for a person, and is a residue to everybody.
    pub(super) fn note_runs(&mut self) {
        let acts = |held: &&Held| held.holds_target() && held.stage != Stage::Stuck;
        for runs in self.looks.values_mut() {
            runs.extend(self.held.values().filter(acts).map(|held| held.run.clone()));
        }
    }

    fn bite(&mut self, client: Client, call: u64, run: &str, injection: &str) {
        let of = |held: &Held| {
            held.run == run && held.injection == injection && held.stage == Stage::Armed
        };
        let slot = self.held.iter().find(|(_, held)| of(held)).map(|(slot, _)| *slot);
        match slot {
            Some(slot) => self.out.push(Command::Bite { slot, client, call }),
            None => {
                let text = format!("injection {injection} of run {run} is not in place");
                let refusal = Refusal { code: "gone".into(), message: text, help: None };
                self.refuse(client, call, refusal);
            }
        }
    }

    fn status(&mut self, client: Client, id: u64) {
        let line = |held: &Held| ArmedLine {
            run: held.run.clone(),
            injection: held.injection.clone(),
            fault: held.fault.clone(),
            target: held.target.clone(),
            since_unix_ms: self.config.unix_ms_at_zero + held.since_ns / 1_000_000,
            remaining_ms: held
                .lease
                .map_or(0, |lease| lease.deadline_ns().saturating_sub(self.now_ns) / 1_000_000),
            by: held.by.clone(),
        };
        let acting = self.held.values().filter(|h| h.may_act() && h.stage != Stage::Stuck);
        let armed = acting.map(line).collect();
        let stuck = self.held.values().filter(|held| held.stage == Stage::Stuck);
        let id_of = |held: &Held| held.receipt.as_ref().map(|receipt| receipt.id.clone());
        let stuck = stuck.filter_map(id_of).collect();
        self.answer(client, id, Answer::Status { armed, stuck });
    }

    /// A connection ended: what it armed has nobody left who wants it.
    pub(super) fn left(&mut self, client: Client) {
        self.clients.remove(&client);
        self.waiters.retain(|waiter| waiter.client != client);
        self.looks.retain(|(of, _), _| *of != client);
        let owned = self.held.iter().filter(|(_, held)| held.owner == Some(client));
        let owned: Vec<Slot> = owned.map(|(slot, _)| *slot).collect();
        for slot in owned {
            self.end(slot, "client gone", false);
        }
    }
}
