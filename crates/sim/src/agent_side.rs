//! The agent's shell in virtual time: carries out its core's commands and tells it what happened.

use crate::queue::Happening;
use crate::trouble::{MS, SECOND};
use crate::world::World;
use rand::RngExt;
use squall_agent::core::{self as agent, Client, Command, Event, Slot};
use squall_wire::identity::BootId;
use squall_wire::injection::Bite;
use squall_wire::protocol::{FromAgent, Refusal};
use squall_wire::receipt::Entry;
use std::collections::BTreeMap;

/// A running agent.
pub(crate) struct AgentSide {
    pub(crate) core: agent::Core,
    /// Which start of an agent this is.
    pub(crate) life: u64,
    pub(crate) hung_until_ns: u64,
    /// When the worker of each slot is free again: its orders are carried out one by one.
    free_ns: BTreeMap<Slot, u64>,
}

impl World {
    pub(crate) fn agent_starts(&mut self) {
        if self.agent.is_some() {
            return;
        }
        self.slots.clear();
        self.lives += 1;
        let life = self.lives;
        let config = agent::Config {
            version: "sim".into(),
            pid: 10,
            boot: BootId("boot".into()),
            unix_ms_at_zero: 0,
            conflicts: |_, _| false,
            idle_exit_ns: None,
        };
        let core = agent::Core::new(config, self.now_ns);
        self.agent = Some(AgentSide { core, life, hung_until_ns: 0, free_ns: BTreeMap::new() });
        self.tell(format!("agent {life} starts"));
        for receipt in self.host.open().to_vec() {
            self.agent_event(Event::Found { receipt: Box::new(receipt) });
        }
        let at_ns = self.now_ns + self.rng.random_range(MS..20 * MS);
        self.queue.at(at_ns, Happening::WatchdogStarts { life });
    }

    pub(crate) fn agent_dies(&mut self) {
        if self.agent.take().is_none() {
            return;
        }
        self.tell("agent dies".into());
        self.host.holder_died();
        self.break_connection();
        if self.host.watchdog_up {
            self.host.watchdog_up = false;
            let at_ns = self.now_ns + self.rng.random_range(MS..60 * MS);
            self.restoring_until_ns = at_ns;
            self.queue.at(at_ns, Happening::WatchdogActs);
        }
    }

    pub(crate) fn watchdog_looks(&mut self) {
        // The real one's grace for an agent that is alive but busy.
        let grace_ns = squall_agent::watchdog::guard::GRACE_NS;
        let overdue = self.host.watched.values().any(|at| self.now_ns >= at + grace_ns);
        if overdue && self.host.watchdog_up && self.agent.is_some() {
            self.tell("watchdog kills a hung agent".into());
            self.agent_dies();
        }
    }

    /// Gives the agent an event, unless it hangs; then it gets it afterwards.
    pub(crate) fn agent_event(&mut self, event: Event) {
        let now_ns = self.now_ns;
        let Some(side) = &mut self.agent else { return };
        if side.hung_until_ns > now_ns {
            let (at_ns, life) = (side.hung_until_ns, side.life);
            let event = Box::new(event);
            self.queue.at(at_ns, Happening::Heard { life, event });
            return;
        }
        let commands = side.core.step(event, now_ns);
        let life = side.life;
        for command in commands {
            self.agent_command(life, command);
        }
        if let Some(at_ns) = self.agent.as_ref().and_then(|side| side.core.next_deadline_ns()) {
            let at_ns = at_ns.max(now_ns + 1);
            if self.agent_tick_ns <= now_ns || at_ns < self.agent_tick_ns {
                self.agent_tick_ns = at_ns;
                self.queue.at(at_ns, Happening::AgentTick);
            }
        }
    }

    fn agent_command(&mut self, life: u64, command: Command) {
        let slot = match &command {
            Command::Reply { client, reply } => {
                return self.send_to_engine(*client, FromAgent::Reply((**reply).clone()));
            }
            Command::Notify { client, notice } => {
                return self.send_to_engine(*client, FromAgent::Notice((**notice).clone()));
            }
            Command::Watch { receipt, deadline_ns } => {
                self.host.watched.insert(receipt.clone(), *deadline_ns);
                let look_ns = deadline_ns + squall_agent::watchdog::guard::GRACE_NS;
                return self.queue.at(look_ns, Happening::WatchdogLooks);
            }
            Command::Unwatch { receipt } => {
                self.host.watched.remove(receipt);
                return;
            }
            // No process of the simulation has the SDK, and no engine asks.
            Command::Release { .. } | Command::Processes { .. } => return,
            Command::Exit => return self.agent_dies(),
            Command::Fingerprint { .. } => Slot(u64::MAX),
            Command::Prepare { slot, .. }
            | Command::WriteReceipt { slot, .. }
            | Command::Apply { slot, .. }
            | Command::Extend { slot, .. }
            | Command::Revert { slot, .. }
            | Command::CloseReceipt { slot, .. }
            | Command::Bite { slot, .. } => *slot,
        };
        let took_ns = self.rng.random_range(MS / 10..4 * MS);
        let now_ns = self.now_ns;
        let Some(side) = &mut self.agent else { return };
        let free_ns = side.free_ns.entry(slot).or_default();
        *free_ns = (*free_ns).max(now_ns) + took_ns;
        let at_ns = *free_ns;
        self.queue.at(at_ns, Happening::Act { life, command: Box::new(command) });
    }

    /// The host does it now; the agent hears of it a little later, or never if it dies between.
    pub(crate) fn act(&mut self, life: u64, command: Command) {
        if self.agent.as_ref().is_none_or(|side| side.life != life) {
            return;
        }
        let full = Refusal {
            code: "journal".into(),
            message: "No space left on device".into(),
            help: None,
        };
        let event = match command {
            Command::Prepare { slot, .. } => {
                Event::Prepared { slot, result: Ok(serde_json::Value::Null) }
            }
            Command::WriteReceipt { slot, .. } if self.now_ns < self.disk_full_until_ns => {
                Event::Written { slot, result: Err(full) }
            }
            Command::WriteReceipt { slot, receipt } => {
                self.host.write(&Entry::Open(*receipt));
                Event::Written { slot, result: Ok(1_500) }
            }
            Command::Apply { slot, receipt, deadline_ns } => {
                self.tell(format!("apply {}", receipt.id));
                self.host.apply(&receipt, deadline_ns);
                self.slots.insert(slot, receipt.id.clone());
                Event::Applied { slot, result: Ok(("sim".into(), 300)) }
            }
            Command::Extend { slot, deadline_ns } => {
                let effect = self.slots.get(&slot).and_then(|id| self.host.effects.get_mut(id));
                if let Some(effect) = effect {
                    effect.deadline_ns = deadline_ns;
                }
                return;
            }
            Command::Revert { slot, receipt } => {
                let how = Box::new(self.host.revert(&receipt));
                self.tell(format!("revert {} {:?}", receipt.id, how.residue));
                Event::Reverted { slot, how }
            }
            Command::CloseReceipt { slot, receipt, by } => {
                self.host.write(&Entry::Close { id: receipt, by: by.into(), at_unix_ms: 0 });
                Event::Closed { slot, result: Ok(()) }
            }
            Command::Bite { slot, client, call } => {
                let there =
                    self.slots.get(&slot).is_some_and(|id| self.host.effects.contains_key(id));
                let bite = Bite { hits: if there { 5 } else { 0 }, seen: 9, ..Bite::default() };
                Event::Bitten { client, call, result: Ok(bite) }
            }
            Command::Fingerprint { client, call, .. } => {
                Event::Fingerprinted { client, call, fingerprint: self.host.fingerprint() }
            }
            _ => return,
        };
        let at_ns = self.now_ns + self.rng.random_range(0..MS);
        self.queue.at(at_ns, Happening::Heard { life, event: Box::new(event) });
    }

    fn send_to_engine(&mut self, client: Client, message: FromAgent) {
        let connection = client.0;
        if self.connection != Some(connection) {
            return;
        }
        let at_ns = self.wire_delay();
        self.arrives_at_engine_ns = self.arrives_at_engine_ns.max(at_ns);
        let message = Box::new(message);
        self.queue.at(self.arrives_at_engine_ns, Happening::AtEngine { connection, message });
    }

    /// When a message sent now arrives.
    pub(crate) fn wire_delay(&mut self) -> u64 {
        let slow = self.now_ns < self.slow_until_ns;
        let most = if slow { SECOND } else { 2 * MS };
        self.now_ns + self.rng.random_range(MS / 20..most)
    }
}
