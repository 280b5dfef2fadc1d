//! What the agent's threads do to the host and the journal, and what the core hears of it.

use crate::host::Hands;
use crate::mutant::Mutant;
use crate::queue::Happening;
use crate::trouble::MS;
use crate::world::World;
use rand::RngExt;
use squall_agent::core::{Command, Event, Reverted, Slot};
use squall_agent::restore::restore_by;
use squall_wire::injection::Bite;
use squall_wire::protocol::Refusal;
use squall_wire::receipt::Receipt;

impl World {
    /// It is done now; the core hears of it a little later, or never if it dies between.
    pub(crate) fn act(&mut self, life: u64, command: Command) {
        let Some(side) = &self.agent else { return };
        if side.life != life {
            return;
        }
        if side.hung_until_ns > self.now_ns {
            let at_ns = side.hung_until_ns;
            return self.queue.at(at_ns, Happening::Act { life, command: Box::new(command) });
        }
        let Some(event) = self.done(command) else { return };
        let at_ns = self.now_ns + self.rng.random_range(0..MS);
        self.queue.at(at_ns, Happening::Heard { life, event: Box::new(event) });
    }

    fn done(&mut self, command: Command) -> Option<Event> {
        self.set_disk();
        match command {
            Command::Prepare { slot, injection } => {
                let process = injection.target.process;
                self.agent.as_mut()?.watching.insert(slot, process);
                if self.host.processes.get(&process.pid) != Some(&process.start_ticks) {
                    let result = Err(refusal("gone", "the target process is gone"));
                    return Some(Event::Prepared { slot, result });
                }
                Some(Event::Prepared { slot, result: Ok(serde_json::Value::Null) })
            }
            Command::WriteReceipt { slot, receipt } => Some(self.write(slot, &receipt)),
            Command::CloseReceipt { slot, receipt, by } => Some(self.close(slot, &receipt, by)),
            Command::Apply { slot, receipt, deadline_ns } => {
                Some(self.apply(slot, &receipt, deadline_ns))
            }
            Command::Extend { slot, deadline_ns } => {
                let id = self.agent.as_ref()?.applied.get(&slot)?;
                self.host.effects.get_mut(id)?.deadline_ns = deadline_ns;
                None
            }
            Command::Revert { slot, receipt } => Some(self.revert(slot, &receipt)),
            Command::Bite { slot, client, call } => {
                let id = self.agent.as_ref()?.applied.get(&slot)?.clone();
                let bite = self.bite(&id);
                Some(Event::Bitten { client, call, result: Ok(bite) })
            }
            Command::Fingerprint { client, call, .. } => {
                let fingerprint = self.host.fingerprint();
                Some(Event::Fingerprinted { client, call, fingerprint })
            }
            _ => None,
        }
    }

    fn write(&mut self, slot: Slot, receipt: &Receipt) -> Event {
        let Some(side) = &mut self.agent else { return Event::Tick };
        let written = side.journal.open(receipt);
        self.note(u64::from(written.is_ok()));
        let id = &receipt.id;
        self.tell(|| format!("receipt {id}: {written:?}"));
        self.look_at_journal();
        let result = written.map(|()| 1_500).map_err(|e| refusal("journal", &e.to_string()));
        Event::Written { slot, result }
    }

    fn close(&mut self, slot: Slot, receipt: &str, by: &'static str) -> Event {
        let Some(side) = &mut self.agent else { return Event::Tick };
        let mut closed = side.journal.close(receipt, by, 0);
        if self.mutant == Some(Mutant::CloseTwice) {
            closed = side.journal.close(receipt, by, 0);
        }
        if self.mutant == Some(Mutant::EmptyJournalWhileOpen) {
            let _ = squall_agent::journal::Storage::cut(&mut self.disk, 0);
        }
        self.tell(|| format!("close {receipt}: {closed:?}"));
        self.look_at_journal();
        let result = closed.map_err(|e| refusal("journal", &e.to_string()));
        Event::Closed { slot, result }
    }

    fn apply(&mut self, slot: Slot, receipt: &Receipt, deadline_ns: u64) -> Event {
        self.about_to_apply(receipt);
        let there = self.host.apply(receipt, deadline_ns);
        let id = &receipt.id;
        self.tell(|| format!("apply {id}: {there}"));
        let Some(side) = &mut self.agent else { return Event::Tick };
        side.applied.insert(slot, id.clone());
        let failed = self.half_applies > 0;
        self.half_applies = self.half_applies.saturating_sub(1);
        let result = match (there, failed) {
            (false, _) => Err(refusal("gone", "the target process is gone")),
            (true, true) => Err(refusal("system", "only half of it could be put in place")),
            (true, false) => Ok(("sim".into(), 300)),
        };
        Event::Applied { slot, result }
    }

    fn revert(&mut self, slot: Slot, receipt: &Receipt) -> Event {
        let bite = self.host.effects.contains_key(&receipt.id).then(|| self.bite(&receipt.id));
        let tried = self.truth.tried.entry(receipt.id.clone()).or_default();
        *tried += 1;
        let mut how = if *tried > 1 && self.mutant == Some(Mutant::RevertOnce) {
            Reverted { residue: vec!["still there".into()], ..Reverted::default() }
        } else {
            self.restore(receipt)
        };
        if self.is(Mutant::SwallowFailedRevert) {
            how.residue.clear();
        }
        self.note(how.residue.len() as u64);
        self.tell(|| format!("agent undoes {}: {:?}", receipt.id, how.residue));
        Event::Reverted { slot, how: Box::new(Reverted { bite, ..how }) }
    }

    /// The product's own way from a receipt to an undone fault, on this host.
    pub(crate) fn restore(&mut self, receipt: &Receipt) -> Reverted {
        let boot = self.host.boot.clone();
        let boot = if self.is(Mutant::IgnoreBootId) { None } else { Some(&boot) };
        restore_by(receipt, boot, |_| Some(Hands(&mut self.host)))
    }

    fn bite(&mut self, id: &str) -> Bite {
        let there = self.host.effects.contains_key(id);
        let seen = self.now_ns >= self.until.no_traffic_ns;
        if there && seen {
            self.truth.bitten.insert(id.to_owned());
        }
        let hits = if there && (seen || self.is(Mutant::HeldWithoutBite)) { 5 } else { 0 };
        Bite { hits, seen: 9, ..Bite::default() }
    }
}

fn refusal(code: &str, message: &str) -> Refusal {
    Refusal { code: code.into(), message: message.into(), help: None }
}
