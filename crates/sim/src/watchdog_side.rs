//! The watchdog's shell in virtual time, and everybody else who undoes from receipts alone.

use crate::disk::Handle;
use crate::mutant::Mutant;
use crate::queue::Happening;
use crate::trouble::MS;
use crate::world::{Owner, World};
use rand::RngExt;
use squall_agent::core::Event;
use squall_agent::journal::Journal;
use squall_agent::watchdog::LOCK_NS_MAX;
use squall_agent::watchdog::guard::{Guard, Look, WAIT_NS_MAX, unwatch_line, watch_line};
use squall_agent::watchdog::replay::{AGAIN_NS, Replay, Step};
use squall_wire::journal;
use squall_wire::protocol::{Ask, Call, PROTOCOL_VERSION};

/// The client that a person's `squall undo` is.
const PERSON: u64 = 1 << 40;

/// A watchdog beside a living agent.
pub(crate) struct Watchdog {
    /// The agent it guards.
    pub(crate) life: u64,
    pub(crate) hung_until_ns: u64,
    ready: bool,
    guard: Guard,
    /// What its agent said and it did not read yet.
    unread: String,
    look_ns: u64,
}

/// Somebody who undoes what is open: a watchdog whose agent is dead, or a person.
pub(crate) struct Restorer {
    by: &'static str,
    journal: Option<Journal<Handle>>,
    replay: Option<Replay>,
    since_ns: u64,
}

impl Restorer {
    /// False while it waits for the journal.
    pub(crate) fn acts(&self) -> bool {
        self.replay.is_some()
    }
}

impl World {
    pub(crate) fn watchdog_starts(&mut self, life: u64) {
        let Some(side) = &mut self.agent else { return };
        if side.life != life {
            return;
        }
        if side.hung_until_ns > self.now_ns {
            // Nobody else starts one.
            return self.queue.at(side.hung_until_ns, Happening::WatchdogStarts { life });
        }
        if self.now_ns < self.until.no_watchdog_ns {
            let slow_ns = squall_agent::watchdog::replacement::SLOW_NS;
            self.queue.at(self.now_ns + slow_ns, Happening::WatchdogStarts { life });
            if self.is(Mutant::ArmUnguarded) {
                self.agent_event(Event::WatchdogIs { pid: 11 });
                self.agent_event(Event::WatchdogReady { pid: 11 });
            }
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        side.watchdog = Some(id);
        let guard = Guard::default();
        let unread = String::new();
        let watchdog = Watchdog { life, hung_until_ns: 0, ready: false, guard, unread, look_ns: 0 };
        self.watchdogs.insert(id, watchdog);
        self.agent_event(Event::WatchdogIs { pid: pid(id) });
        let at_ns = self.now_ns + self.rng.random_range(MS..50 * MS);
        self.queue.at(at_ns, Happening::WatchdogReady { id });
    }

    pub(crate) fn watchdog_ready(&mut self, id: u64) {
        let Some(watchdog) = self.watchdogs.get_mut(&id) else { return };
        if watchdog.hung_until_ns > self.now_ns {
            return self.queue.at(watchdog.hung_until_ns, Happening::WatchdogReady { id });
        }
        watchdog.ready = true;
        let life = watchdog.life;
        if self.agent.as_ref().is_some_and(|side| side.life == life) {
            self.agent_event(Event::WatchdogReady { pid: pid(id) });
        }
        self.watchdog_looks(id);
    }

    /// The agent says by when a receipt must be heard of again, or that it need not be.
    pub(crate) fn tell_watchdog(&mut self, what: Result<(&String, u64), &String>) {
        let Some(id) = self.agent.as_ref().and_then(|side| side.watchdog) else { return };
        let line = match what {
            Ok((receipt, deadline_ns)) => watch_line(receipt, deadline_ns),
            Err(receipt) => unwatch_line(receipt),
        };
        let at_ns = self.now_ns + 20_000;
        self.queue.at(at_ns, Happening::WatchdogHears { id, line });
    }

    pub(crate) fn watchdog_hears(&mut self, id: u64, line: &str) {
        let Some(watchdog) = self.watchdogs.get_mut(&id) else { return };
        watchdog.unread.push_str(line);
        if watchdog.ready {
            self.watchdog_looks(id);
        }
    }

    pub(crate) fn watchdog_looks(&mut self, id: u64) {
        let boottime_ns = self.boottime_ns();
        let awake_ns = self.clocks.monotonic_ns(self.now_ns);
        let impatient = self.is(Mutant::WatchdogImpatient);
        let Some(watchdog) = self.watchdogs.get_mut(&id) else { return };
        if watchdog.hung_until_ns > self.now_ns {
            return self.queue.at(watchdog.hung_until_ns, Happening::WatchdogLooks { id });
        }
        watchdog.guard.hear(std::mem::take(&mut watchdog.unread).as_bytes());
        let ahead_ns = if impatient { 600 * MS } else { 0 };
        match watchdog.guard.look(boottime_ns + ahead_ns, awake_ns + ahead_ns) {
            Look::Hung => self.watchdog_ends_agent(id),
            Look::Wait(None) => {}
            Look::Wait(Some(wait_ns)) => {
                // Looks that see nothing new are left out; after a sleep there is one.
                let wait_ns = match watchdog.guard.next_ns() {
                    Some(at_ns) if wait_ns == WAIT_NS_MAX => {
                        wait_ns.max(at_ns.saturating_sub(boottime_ns))
                    }
                    _ => wait_ns,
                };
                let at_ns = self.now_ns + self.clocks.queue_ns(wait_ns);
                if watchdog.look_ns <= self.now_ns || at_ns < watchdog.look_ns {
                    watchdog.look_ns = at_ns;
                    self.queue.at(at_ns, Happening::WatchdogLooks { id });
                }
            }
        }
    }

    fn watchdog_ends_agent(&mut self, id: u64) {
        let Some(life) = self.watchdogs.get(&id).map(|w| w.life) else { return };
        if self.is(Mutant::SpareHungAgent) {
            return;
        }
        if self.is(Mutant::WatchdogBesideAgent) {
            return self.becomes_restorer(id);
        }
        if self.agent.as_ref().is_some_and(|side| side.life == life) {
            self.ended_by_watchdog();
            self.agent_dies("the watchdog ends it, because it hangs");
        }
    }

    pub(crate) fn watchdog_alone(&mut self, id: u64) {
        let Some(watchdog) = self.watchdogs.get(&id) else { return };
        if watchdog.hung_until_ns > self.now_ns {
            return self.queue.at(watchdog.hung_until_ns, Happening::WatchdogAlone { id });
        }
        // One that is still starting looks at its agent as soon as it runs.
        let long = if watchdog.ready { 0 } else { self.rng.random_range(0..50 * MS) };
        if long > 0 {
            if let Some(watchdog) = self.watchdogs.get_mut(&id) {
                watchdog.ready = true;
            }
            return self.queue.at(self.now_ns + long, Happening::WatchdogAlone { id });
        }
        self.becomes_restorer(id);
    }

    fn becomes_restorer(&mut self, id: u64) {
        if self.watchdogs.remove(&id).is_some() {
            self.restorer("watchdog", id);
        }
    }

    fn restorer(&mut self, by: &'static str, id: u64) {
        let since_ns = self.boottime_ns();
        let restorer = Restorer { by, journal: None, replay: None, since_ns };
        self.restorers.insert(id, restorer);
        self.queue.at(self.now_ns + MS / 5, Happening::Restores { id });
    }

    /// A person types `squall undo`.
    pub(crate) fn undo(&mut self) {
        let now_ns = self.now_ns;
        let answers = self.agent.as_ref().is_some_and(|side| side.hung_until_ns <= now_ns);
        if !answers {
            let id = self.next_id;
            self.next_id += 1;
            return self.restorer("undo", id);
        }
        let client = PERSON + self.next_id;
        self.next_id += 1;
        self.agent_event(Event::Joined { client: squall_agent::core::Client(client) });
        let asks =
            [Ask::Hello { v: PROTOCOL_VERSION, by: "undo".into() }, Ask::UndoAll, Ask::Shutdown];
        for (id, ask) in asks.into_iter().enumerate() {
            let call = Box::new(Call { id: id as u64, ask });
            let at_ns = now_ns + MS * (id as u64 + 1);
            self.queue.at(at_ns, Happening::AtAgent { client, call });
        }
        self.queue.at(now_ns + 2_000 * MS, Happening::AgentHearsCut { client });
    }

    pub(crate) fn restores(&mut self, id: u64) {
        let Some(mut restorer) = self.restorers.remove(&id) else { return };
        let next_ns = if restorer.replay.is_none() {
            self.takes_journal(id, &mut restorer)
        } else {
            self.undoes_one(&mut restorer)
        };
        match next_ns {
            Some(next_ns) => {
                self.restorers.insert(id, restorer);
                self.queue.at(self.now_ns + next_ns, Happening::Restores { id });
            }
            None if self.lock == Some(Owner::Restorer(id)) => self.lock = None,
            None => {}
        }
        self.look_at_journal();
    }

    /// Waits for the journal; when it goes on, or nothing if it leaves the work to somebody else.
    fn takes_journal(&mut self, id: u64, restorer: &mut Restorer) -> Option<u64> {
        let boottime_ns = self.boottime_ns();
        let content = self.disk.content();
        let mut open = if self.lock.is_none() {
            self.set_disk();
            let (journal, found) = Journal::over(self.disk.clone(), &content).ok()?;
            self.lock = Some(Owner::Restorer(id));
            restorer.journal = Some(journal);
            found.open
        } else if boottime_ns < restorer.since_ns + LOCK_NS_MAX {
            return Some(MS);
        } else if restorer.by == "watchdog" {
            return None;
        } else {
            // Whoever has it hangs. Restoring matters more than noting it.
            journal::replay(&content).open
        };
        if self.is(Mutant::WatchdogForgetsReceipt) && restorer.by == "watchdog" {
            open.pop();
        }
        restorer.replay = Some(Replay::new(open, boottime_ns));
        Some(MS / 5)
    }

    fn undoes_one(&mut self, restorer: &mut Restorer) -> Option<u64> {
        let by = restorer.by;
        self.truth.restores(by, self.agent.is_some());
        let boottime_ns = self.boottime_ns();
        let step = restorer.replay.as_mut()?.step(boottime_ns, |receipt| self.restore(receipt));
        self.set_disk();
        match step {
            Step::Restored(receipt) => {
                let closed = restorer.journal.as_mut().map(|j| j.close(&receipt.id, by, 0));
                self.tell(|| format!("{by} undoes {}, close: {closed:?}", receipt.id));
                Some(self.undo_takes_ns())
            }
            Step::Left => Some(self.undo_takes_ns()),
            Step::Pause => Some(self.clocks.queue_ns(AGAIN_NS)),
            Step::Over(left) => {
                self.tell(|| format!("{by} is done, {} are left", left.len()));
                self.look_at_journal();
                if restorer.journal.is_some() && !self.disk.0.borrow().was_rough {
                    self.truth.left_by(by, &left);
                }
                None
            }
        }
    }

    /// A tenth of them meet a loaded host.
    fn undo_takes_ns(&mut self) -> u64 {
        let most = if self.rng.random_bool(0.1) { 200 * MS } else { 2 * MS };
        self.rng.random_range(MS / 10..most)
    }

    /// Ends every watchdog, also one that is undoing; the agent hears of its own.
    pub(crate) fn kill_watchdogs(&mut self) {
        self.tell(|| "watchdogs are killed".into());
        self.watchdogs.clear();
        let killed = self.restorers.extract_if(.., |_, restorer| restorer.by == "watchdog");
        for (id, _) in killed {
            // What a person holds stays theirs.
            if self.lock == Some(Owner::Restorer(id)) {
                self.lock = None;
            }
        }
        let boottime_ns = self.boottime_ns();
        let Some(side) = &mut self.agent else { return };
        let Some(id) = side.watchdog.take() else { return };
        let (life, hung_ns) = (side.life, side.hung_until_ns);
        let pause_ns = side.replacement.pause_ns(boottime_ns);
        if self.mutant == Some(Mutant::WatchdogNotReplaced) {
            return;
        }
        let hears_ns = self.now_ns.max(hung_ns) + MS;
        if self.mutant != Some(Mutant::ArmUnguarded) {
            let event = Box::new(Event::WatchdogGone { pid: pid(id) });
            self.queue.at(hears_ns, Happening::Heard { life, event });
        }
        self.queue.at(hears_ns + pause_ns, Happening::WatchdogStarts { life });
    }
}

fn pid(id: u64) -> u32 {
    2_000_000 + u32::try_from(id % 1_000_000).unwrap_or(0)
}
