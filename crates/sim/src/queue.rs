//! Owns what will happen when. Two things at one time happen in the order they were planned.

use crate::trouble::Trouble;
use squall_agent::core as agent;
use squall_engine::core as engine;
use squall_wire::protocol::{Call, FromAgent};
use std::collections::BTreeMap;

/// Something that will happen.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// The engine looks at its clock.
    EngineTick,
    /// A pull is over.
    Pulled { pull: u64, purpose: engine::Purpose },
    /// A message of the agent arrives at the engine, on the given connection.
    AtEngine { connection: u64, message: Box<FromAgent> },
    /// A message of the engine arrives at the agent.
    AtAgent { connection: u64, call: Box<Call> },
    /// The engine's link tries to connect.
    Connect,
    /// The engine learns that a connection is gone.
    EngineHearsCut { connection: u64 },
    /// The agent learns that a connection is gone.
    AgentHearsCut { connection: u64 },
    /// The agent looks at its clock.
    AgentTick,
    /// The host does what the agent ordered.
    Act { life: u64, command: Box<agent::Command> },
    /// The agent hears of it.
    Heard { life: u64, event: Box<agent::Event> },
    /// An agent starts.
    AgentStarts,
    /// The watchdog starts, or starts again.
    WatchdogStarts { life: u64 },
    /// The watchdog undoes what a dead agent left.
    WatchdogActs,
    /// The watchdog looks whether the agent still moves its deadlines.
    WatchdogLooks,
    /// Something goes wrong.
    Trouble(Trouble),
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    planned: BTreeMap<(u64, u64), Happening>,
    next: u64,
}

impl Queue {
    pub(crate) fn at(&mut self, at_ns: u64, happening: Happening) {
        self.planned.insert((at_ns, self.next), happening);
        self.next += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, Happening)> {
        self.planned.pop_first().map(|((at_ns, _), happening)| (at_ns, happening))
    }
}
