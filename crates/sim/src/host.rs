//! Owns the host: faults in place, the journal's bytes, and the watchdog beside the agent.

use squall_agent::core::Reverted;
use squall_wire::fingerprint::Fingerprint;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::Bite;
use squall_wire::journal::{encode, replay};
use squall_wire::receipt::{Entry, Receipt};
use std::collections::{BTreeMap, BTreeSet};

/// A fault in place.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    pub(crate) process: ProcessIdentity,
    /// True where it is gone when its holder is gone.
    pub(crate) kernel_held: bool,
    /// When its lease ends.
    pub(crate) deadline_ns: u64,
}

/// The host.
#[derive(Debug, Default)]
pub(crate) struct Host {
    /// By receipt.
    pub(crate) effects: BTreeMap<String, Effect>,
    journal: Vec<u8>,
    /// What the journal's bytes say is open; read anew after every write.
    open: Vec<Receipt>,
    /// How many undos to come leave a residue.
    pub(crate) stubborn: u32,
    /// True where more undos fail than anybody tries.
    pub(crate) hopeless: bool,
    /// Deadlines the agent told the watchdog, by receipt.
    pub(crate) watched: BTreeMap<String, u64>,
    pub(crate) watchdog_up: bool,
    /// How often each fault was applied.
    pub(crate) applied: BTreeMap<String, u32>,
}

impl Host {
    pub(crate) fn write(&mut self, entry: &Entry) {
        self.journal.extend(encode(entry, &replay(&self.journal).chain).bytes());
        self.open = replay(&self.journal).open;
    }

    pub(crate) fn open(&self) -> &[Receipt] {
        &self.open
    }

    pub(crate) fn apply(&mut self, receipt: &Receipt, deadline_ns: u64) {
        let kernel_held = receipt.fault == "net.refuse";
        let effect = Effect { process: receipt.process, kernel_held, deadline_ns };
        self.effects.insert(receipt.id.clone(), effect);
        *self.applied.entry(receipt.id.clone()).or_default() += 1;
    }

    /// Undoes from the receipt alone.
    pub(crate) fn revert(&mut self, receipt: &Receipt) -> Reverted {
        let was = self.effects.contains_key(&receipt.id);
        let bite = was.then(|| Bite { hits: 5, seen: 9, ..Bite::default() });
        if was && self.stubborn > 0 {
            self.stubborn -= 1;
            let residue = vec!["still there".to_string()];
            return Reverted { bite, residue, error: None, advice: "kill -CONT 1".into() };
        }
        self.effects.remove(&receipt.id);
        Reverted { bite, ..Reverted::default() }
    }

    /// What dies with the process that held it.
    pub(crate) fn holder_died(&mut self) {
        self.effects.retain(|_, effect| !effect.kernel_held);
    }

    pub(crate) fn watchdog_restores(&mut self) {
        for receipt in self.open.clone() {
            while !self.revert(&receipt).residue.is_empty() {
                if self.hopeless {
                    break;
                }
            }
            if !self.effects.contains_key(&receipt.id) {
                let by = "watchdog".to_string();
                self.write(&Entry::Close { id: receipt.id, by, at_unix_ms: 0 });
            }
        }
        self.watched.clear();
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let facts: BTreeSet<String> = self.effects.keys().cloned().collect();
        Fingerprint { facts: BTreeMap::from([("faults".into(), facts)]), unread: BTreeMap::new() }
    }

    pub(crate) fn targets(&self) -> usize {
        self.effects.values().map(|effect| effect.process).collect::<BTreeSet<_>>().len()
    }
}
