//! The agent's shell in virtual time: its core, its journal and its threads, which carry out what
//! the core orders and tell it what happened.

use crate::disk::Handle;
use crate::mutant::Mutant;
use crate::network::Way;
use crate::queue::Happening;
use crate::trouble::{MS, SECOND};
use crate::world::{Owner, World};
use rand::RngExt;
use squall_agent::core::{self as agent, Client, Command, Event, Slot};
use squall_agent::journal::Journal;
use squall_agent::watchdog::replacement::Replacement;
use squall_wire::identity::ProcessIdentity;
use squall_wire::protocol::{Answer, Ask, Call, FromAgent, Reply};
use std::collections::BTreeMap;

/// How long a starting agent waits for the journal of one that is just dying.
const TAKE_NS_MAX: u64 = 3 * SECOND;
/// How long an agent that a run started stays without a client.
const IDLE_NS: u64 = 2 * SECOND;

/// A running agent.
pub(crate) struct AgentSide {
    pub(crate) core: agent::Core,
    /// Which start of an agent this is.
    pub(crate) life: u64,
    pub(crate) hung_until_ns: u64,
    pub(crate) journal: Journal<Handle>,
    /// Whose ends it watches.
    pub(crate) watching: BTreeMap<Slot, ProcessIdentity>,
    /// The watchdog it talks to.
    pub(crate) watchdog: Option<u64>,
    pub(crate) replacement: Replacement,
    /// The receipt that each slot applied.
    pub(crate) applied: BTreeMap<Slot, String>,
    /// When each thread is free again: its orders are carried out one by one.
    free_ns: BTreeMap<Thread, u64>,
    tick_ns: u64,
}

/// The threads of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thread {
    Disk,
    Worker(Slot),
    Fingerprint,
}

impl World {
    pub(crate) fn agent_starts(&mut self, since_ns: u64) {
        if self.agent.is_some() || self.no_agent {
            return;
        }
        if self.lock.is_some() && !self.is(Mutant::TwoHoldJournal) {
            if self.now_ns < since_ns + TAKE_NS_MAX {
                self.queue.at(self.now_ns + MS, Happening::AgentStarts { since_ns });
            }
            return;
        }
        let content = self.disk.content();
        let Ok((journal, found)) = Journal::over(self.disk.clone(), &content) else { return };
        let life = self.next_id;
        self.next_id += 1;
        self.lock = Some(Owner::Agent(life));
        let config = agent::Config {
            version: "sim".into(),
            pid: 10,
            boot: self.host.boot.clone(),
            unix_ms_at_zero: 0,
            conflicts: |_, _| false,
            idle_exit_ns: self.rng.random_bool(0.5).then_some(IDLE_NS),
        };
        let now_ns = self.agent_clock_ns();
        self.agent = Some(AgentSide {
            core: agent::Core::new(config, now_ns),
            life,
            hung_until_ns: 0,
            journal,
            watching: BTreeMap::new(),
            watchdog: None,
            replacement: Replacement::new(now_ns),
            applied: BTreeMap::new(),
            free_ns: BTreeMap::new(),
            tick_ns: 0,
        });
        self.note(life);
        self.tell(|| format!("agent {life} starts, {} receipts are open", found.open.len()));
        self.watchdog_starts(life);
        let skip = usize::from(self.is(Mutant::ForgetReceipt));
        for mut receipt in found.open.into_iter().skip(skip) {
            if self.is(Mutant::IgnoreBootId) {
                receipt.boot = self.host.boot.clone();
            }
            self.agent_event(Event::Found { receipt: Box::new(receipt) });
        }
        self.look_at_journal();
    }

    /// The clock that the agent counts leases on.
    pub(crate) fn agent_clock_ns(&self) -> u64 {
        match self.mutant {
            Some(Mutant::LeaseOnMonotonic) => self.clocks.monotonic_ns(self.now_ns),
            Some(Mutant::LeaseOnWallClock) => self.clocks.wall_ns(self.now_ns),
            _ => self.boottime_ns(),
        }
    }

    pub(crate) fn agent_dies(&mut self, how: &str) {
        let Some(life) = self.agent_torn() else { return };
        self.tell(|| format!("agent {life} dies: {how}"));
        self.break_connection();
        if self.lock == Some(Owner::Agent(life)) {
            self.lock = None;
        }
        let mine = self.watchdogs.iter().filter(|(_, w)| w.life == life).map(|(id, _)| *id);
        for id in mine.collect::<Vec<_>>() {
            let at_ns = self.now_ns + self.rng.random_range(MS / 10..2 * MS);
            self.queue.at(at_ns, Happening::WatchdogAlone { id });
        }
    }

    /// Takes the agent away, perhaps in the middle of a write.
    pub(crate) fn agent_torn(&mut self) -> Option<u64> {
        let side = self.agent.take()?;
        self.host.holder_died();
        if let Some(write) = self.queue.next_write(side.life)
            && self.rng.random_bool(0.5)
        {
            let line = match write {
                Command::WriteReceipt { receipt, .. } => serde_json::to_string(receipt),
                other => Ok(format!("{other:?}")),
            };
            let line = format!("00000000 {}\n", line.unwrap_or_default());
            // Half of its line at most: the whole one is written a moment later.
            self.disk.0.borrow_mut().tear(&line.as_bytes()[..line.len() / 2]);
        }
        Some(side.life)
    }

    /// Gives the agent an event, unless it hangs; then it gets it afterwards.
    pub(crate) fn agent_event(&mut self, mut event: Event) {
        let Some(side) = &self.agent else { return };
        let (life, hung_until_ns) = (side.life, side.hung_until_ns);
        if hung_until_ns > self.now_ns {
            let event = Box::new(event);
            return self.queue.at(hung_until_ns, Happening::Heard { life, event });
        }
        let mut now_ns = self.agent_clock_ns();
        if let Event::Called { client, call } = &mut event {
            self.truth.called(client.0, call, self.clocks.boottime_ns(self.now_ns));
            self.mutate_call(*client, call);
            if self.is(Mutant::RenewAfterExpiry) && matches!(call.ask, Ask::Renew { .. }) {
                let deadline_ns = self.agent.as_ref().and_then(|s| s.core.next_deadline_ns());
                now_ns = now_ns.min(deadline_ns.map_or(now_ns, |at| at.saturating_sub(1)));
            }
        }
        let Some(side) = &mut self.agent else { return };
        let commands = side.core.step(event, now_ns);
        for command in commands {
            self.agent_command(life, command);
        }
        self.plan_agent_tick();
    }

    fn mutate_call(&mut self, client: Client, call: &mut Call) {
        match &mut call.ask {
            Ask::Arm { injection, radius_max } => {
                if self.is(Mutant::IgnoreRadius) {
                    *radius_max = 32;
                }
                if self.is(Mutant::IgnoreCap) {
                    injection.cap_ms = 24 * 3_600_000;
                }
            }
            Ask::Disarm { run, .. } if self.is(Mutant::UndoneBeforeRevert) => {
                let reply = Reply { id: call.id, answer: self.truth.all_undone(run) };
                self.send_to_engine(client, FromAgent::Reply(reply));
            }
            _ => {}
        }
    }

    pub(crate) fn agent_tick(&mut self, life: u64) {
        let Some(side) = &mut self.agent else { return };
        if side.life != life {
            return;
        }
        side.tick_ns = 0;
        if self.is(Mutant::IgnoreDeadline) {
            return;
        }
        if self.is(Mutant::RenewAfterExpiry) && self.rng.random_bool(0.8) {
            let at_ns = self.now_ns + 200 * MS;
            return self.queue.at(at_ns, Happening::AgentTick { life });
        }
        self.agent_event(Event::Tick);
    }

    fn plan_agent_tick(&mut self) {
        let now_ns = self.agent_clock_ns();
        let Some(side) = &mut self.agent else { return };
        let Some(deadline_ns) = side.core.next_deadline_ns() else { return };
        let wait_ns = self.clocks.queue_ns(deadline_ns.saturating_sub(now_ns));
        let at_ns = self.now_ns + wait_ns + 1;
        if side.tick_ns <= self.now_ns || at_ns < side.tick_ns {
            side.tick_ns = at_ns;
            let life = side.life;
            self.queue.at(at_ns, Happening::AgentTick { life });
        }
    }

    fn agent_command(&mut self, life: u64, command: Command) {
        let thread = match &command {
            Command::Reply { client, reply } => {
                return self.reply(*client, (**reply).clone());
            }
            Command::Notify { client, notice } => {
                return self.send_to_engine(*client, FromAgent::Notice((**notice).clone()));
            }
            Command::Watch { receipt, deadline_ns } => {
                return self.tell_watchdog(Ok((receipt, *deadline_ns)));
            }
            Command::Unwatch { receipt } => return self.tell_watchdog(Err(receipt)),
            Command::Release { slot } => {
                if let Some(side) = &mut self.agent {
                    side.watching.remove(slot);
                    side.applied.remove(slot);
                    side.free_ns.remove(&Thread::Worker(*slot));
                }
                return;
            }
            // No process of the simulation has registered, and no engine asks.
            Command::Processes { .. } => return,
            Command::Exit => return self.agent_dies("idle"),
            Command::WriteReceipt { .. } | Command::CloseReceipt { .. } => Thread::Disk,
            Command::Fingerprint { .. } => Thread::Fingerprint,
            Command::Prepare { slot, .. }
            | Command::Apply { slot, .. }
            | Command::Extend { slot, .. }
            | Command::Revert { slot, .. }
            | Command::Bite { slot, .. } => Thread::Worker(*slot),
        };
        if let Command::Revert { receipt, .. } = &command {
            self.truth.ordered.insert(receipt.id.clone());
        }
        if self.mutate_command(life, &command) {
            return;
        }
        let took_ns = self.takes_ns(thread);
        let now_ns = self.now_ns;
        let Some(side) = &mut self.agent else { return };
        let free_ns = side.free_ns.entry(thread).or_default();
        *free_ns = (*free_ns).max(now_ns) + took_ns;
        let at_ns = *free_ns;
        self.queue.at(at_ns, Happening::Act { life, command: Box::new(command) });
    }

    /// What a mutant does beside or in place of a command; true where it is in place of it.
    fn mutate_command(&mut self, life: u64, command: &Command) -> bool {
        match (self.mutant, command) {
            (Some(Mutant::ApplyBeforeReceipt), Command::WriteReceipt { receipt, .. }) => {
                let deadline_ns = self.boottime_ns() + SECOND;
                self.host.apply(receipt, deadline_ns);
            }
            (Some(Mutant::RevertBeforeApply), Command::Revert { .. }) => {
                self.act(life, command.clone());
                return true;
            }
            (Some(Mutant::CloseBeforeRevert), Command::Revert { receipt, .. }) => {
                if let Some(side) = &mut self.agent {
                    let _ = side.journal.close(&receipt.id, "agent", 0);
                }
                self.look_at_journal();
            }
            (Some(Mutant::ArmedBeforeApplied), Command::Apply { slot, .. }) => {
                let event = Event::Applied { slot: *slot, result: Ok(("sim".into(), 300)) };
                self.queue.at(self.now_ns, Happening::Heard { life, event: Box::new(event) });
            }
            _ => {}
        }
        false
    }

    fn takes_ns(&mut self, thread: Thread) -> u64 {
        let slow = match thread {
            Thread::Disk => self.now_ns < self.until.disk_slow_ns,
            Thread::Worker(_) => self.now_ns < self.until.steps_slow_ns,
            Thread::Fingerprint => false,
        };
        let most = if slow { self.until.step_ns_max.max(4 * MS) } else { 4 * MS };
        self.rng.random_range(MS / 10..most)
    }

    fn reply(&mut self, client: Client, reply: Reply) {
        let mut reply = reply;
        match &mut reply.answer {
            Answer::Armed(armed) => self.truth.said_armed(&self.host, &armed.receipt),
            Answer::Status { stuck, .. } if self.mutant == Some(Mutant::HideStuck) => {
                stuck.clear();
            }
            Answer::Disarmed { outcomes } if self.mutant == Some(Mutant::HideStuck) => {
                outcomes.iter_mut().for_each(|outcome| outcome.residue.clear());
            }
            _ => {}
        }
        self.send_to_engine(client, FromAgent::Reply(reply));
    }

    fn send_to_engine(&mut self, client: Client, message: FromAgent) {
        let connection = client.0;
        if self.connection != Some(connection) {
            return;
        }
        for at_ns in self.network.send(Way::ToEngine, self.now_ns, &mut self.rng) {
            let message = Box::new(message.clone());
            self.queue.at(at_ns, Happening::AtEngine { connection, message });
        }
    }
}
