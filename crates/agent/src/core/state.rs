//! The core's state and its one entry point.

use super::event::{Client, Command, Event, Slot};
use super::limits::FIRST_CLIENT_NS_MAX;
use super::slot::Held;
use crate::watchdog::guard::WAIT_NS_MAX;
use squall_wire::identity::BootId;
use squall_wire::protocol::{Answer, Refusal, Reply, Undone};
use std::collections::{BTreeMap, BTreeSet};

/// What the core has to know of its surroundings.
#[derive(Debug, Clone)]
pub struct Config {
    /// This build.
    pub version: String,
    /// The agent's pid.
    pub pid: u32,
    /// This boot.
    pub boot: BootId,
    /// Wall-clock milliseconds at boot-time zero, for the times that only people read.
    pub unix_ms_at_zero: u64,
    /// True where two faults, by name, cannot be on one target at the same time.
    pub conflicts: fn(&str, &str) -> bool,
    /// Ends the agent this long after the last client left with nothing armed.
    pub idle_exit_ns: Option<u64>,
}

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// The words it greeted with.
    pub(super) greeting: Option<String>,
    /// The id of its last call.
    pub(super) last_call: Option<u64>,
}

/// A call that waits for injections to be undone.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) client: Client,
    pub(super) call: u64,
    pub(super) slots: BTreeSet<Slot>,
    pub(super) outcomes: Vec<Undone>,
}

/// The agent's decisions. See the module's first lines for the contract.
#[derive(Debug)]
pub struct Core {
    pub(super) config: Config,
    pub(super) watchdog: u32,
    /// True while a watchdog keeps guard.
    pub(super) guarded: bool,
    /// Receipts that may not be written yet: without a watchdog nothing is armed, and an earlier
    /// one of the same name has to be closed first.
    pub(super) held_back: Vec<Slot>,
    pub(super) clients: BTreeMap<Client, Joined>,
    pub(super) held: BTreeMap<Slot, Held>,
    pub(super) waiters: Vec<Waiter>,
    /// Fingerprints that are being read, with the runs that had a fault in hand meanwhile.
    pub(super) looks: BTreeMap<(Client, u64), BTreeSet<String>>,
    pub(super) next_slot: u64,
    /// Set by `UndoAll`: nothing new until the next start.
    pub(super) undone: bool,
    /// Set by `Stop` and `Shutdown`: the agent ends once nothing is armed.
    pub(super) leaving: bool,
    exited: bool,
    had_client: bool,
    idle_since_ns: u64,
    pub(super) now_ns: u64,
    pub(super) out: Vec<Command>,
}

impl Core {
    /// A core that holds nothing.
    pub fn new(config: Config, now_ns: u64) -> Core {
        Core {
            config,
            watchdog: 0,
            guarded: false,
            held_back: Vec::new(),
            clients: BTreeMap::new(),
            held: BTreeMap::new(),
            waiters: Vec::new(),
            looks: BTreeMap::new(),
            next_slot: 0,
            undone: false,
            leaving: false,
            exited: false,
            had_client: false,
            idle_since_ns: now_ns,
            now_ns,
            out: Vec::new(),
        }
    }

    /// Takes one event and says what to do. Time never runs backwards; a smaller `now_ns`
    /// counts as no time passed. Unknown slots and clients are tolerated: late answers happen.
    pub fn step(&mut self, event: Event, now_ns: u64) -> Vec<Command> {
        self.now_ns = self.now_ns.max(now_ns);
        if !self.clients.is_empty() || self.is_busy() {
            self.idle_since_ns = self.now_ns;
        }
        self.pass_time();
        match event {
            Event::Found { receipt } => self.found(receipt),
            Event::Joined { client } => {
                self.had_client = true;
                self.clients.insert(client, Joined::default());
            }
            Event::Called { client, call } => self.called(client, *call),
            Event::Left { client } => self.left(client),
            Event::Prepared { slot, result } => self.prepared(slot, result),
            Event::Written { slot, result } => self.written(slot, result),
            Event::Applied { slot, result } => self.applied(slot, result),
            Event::Reverted { slot, how } => self.reverted(slot, *how),
            Event::Closed { slot, result } => self.closed(slot, result.is_ok()),
            Event::Bitten { client, call, result } => {
                self.answer(client, call, result.map_or_else(Answer::Refused, Answer::Bite));
            }
            Event::Fingerprinted { client, call, mut fingerprint } => {
                fingerprint.runs.extend(self.looks.remove(&(client, call)).unwrap_or_default());
                self.answer(client, call, Answer::Fingerprint(fingerprint));
            }
            Event::Lost { slot } => self.end(slot, "failed", false),
            Event::TargetGone { slot } => self.end(slot, "target gone", false),
            Event::WatchdogIs { pid } => self.watchdog_is(pid),
            Event::WatchdogGone { pid } => self.guarded &= pid != self.watchdog,
            Event::WatchdogReady { pid } => self.watchdog_ready(pid),
            Event::Stop => {
                self.leaving = true;
                self.end_all("undo", true);
            }
            Event::Tick => {}
        }
        self.note_runs();
        self.settle();
        self.assert_invariants();
        std::mem::take(&mut self.out)
    }

    /// When the next `Tick` is due, if at all.
    pub fn next_deadline_ns(&self) -> Option<u64> {
        let held = self.held.values().filter_map(Held::deadline_ns).min();
        [held, self.idle_deadline_ns()].into_iter().flatten().min()
    }

    /// How many injections may have an effect at this moment, the stuck ones included.
    pub fn acting(&self) -> usize {
        self.held.values().filter(|held| held.may_act()).count()
    }

    pub(super) fn answer(&mut self, client: Client, id: u64, answer: Answer) {
        if self.clients.contains_key(&client) {
            let reply = Box::new(Reply { id, answer });
            self.out.push(Command::Reply { client, reply });
        }
    }

    pub(super) fn refuse(&mut self, client: Client, id: u64, refusal: Refusal) {
        self.answer(client, id, Answer::Refused(refusal));
    }

    /// How long to wait for an event before the next `Tick`, at most. Waiting is counted on a
    /// clock that stands still while the host sleeps, and leases are not: one that ended during
    /// the sleep has to be seen soon after it.
    pub fn wait_ns(&self, now_ns: u64) -> Option<u64> {
        let left = self.next_deadline_ns()?.saturating_sub(now_ns);
        let acts = self.held.values().any(|held| held.holds_target());
        Some(if acts { left.min(WAIT_NS_MAX) } else { left })
    }

    fn watchdog_ready(&mut self, pid: u32) {
        if pid != self.watchdog {
            return;
        }
        self.guarded = true;
        self.write_receipts();
    }

    fn watchdog_is(&mut self, pid: u32) {
        self.watchdog = pid;
        self.guarded = false;
        // It is told what the one before it was told, and no more: a receipt that a person has to
        // see to has no deadline, and one that is being undone has another than its lease's.
        let mut watched = Vec::new();
        for held in self.held.values() {
            if let (Some(receipt), Some(deadline_ns)) = (&held.receipt, held.watch_ns) {
                watched.push(Command::Watch { receipt: receipt.id.clone(), deadline_ns });
            }
        }
        self.out.append(&mut watched);
    }

    fn idle_deadline_ns(&self) -> Option<u64> {
        let idle_ns = self.config.idle_exit_ns?;
        if self.exited || !self.clients.is_empty() || self.is_busy() {
            return None;
        }
        let wait = if self.had_client { idle_ns } else { FIRST_CLIENT_NS_MAX };
        Some(self.idle_since_ns.saturating_add(wait))
    }

    /// Stuck receipts keep nobody here: the next start takes them up again.
    fn is_busy(&self) -> bool {
        self.held.values().any(|held| held.stage != super::slot::Stage::Stuck)
    }

    fn settle(&mut self) {
        if self.exited {
            return;
        }
        let idle_over = self.idle_deadline_ns().is_some_and(|at| self.now_ns >= at);
        if idle_over || (self.leaving && !self.is_busy()) {
            self.exited = true;
            self.out.push(Command::Exit);
        }
    }
}
