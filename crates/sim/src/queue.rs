//! Owns what will happen when. Two things at one time happen in the order they were planned.

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
    /// A message of a client arrives at the agent.
    AtAgent { client: u64, call: Box<Call> },
    /// The engine's link tries to connect.
    Connect,
    /// The engine's link has waited long enough for a welcome.
    WelcomeOver { connection: u64 },
    /// The engine learns that a connection is gone.
    EngineHearsCut { connection: u64 },
    /// The agent learns that a connection is gone.
    AgentHearsCut { client: u64 },
    /// The agent looks at its clock.
    AgentTick { life: u64 },
    /// A thread of the agent does what the core ordered.
    Act { life: u64, command: Box<agent::Command> },
    /// The core hears of it.
    Heard { life: u64, event: Box<agent::Event> },
    /// An agent starts; it has waited for the journal since then.
    AgentStarts { since_ns: u64 },
    /// A watchdog starts.
    WatchdogStarts { life: u64 },
    /// The watchdog keeps guard from here on.
    WatchdogReady { id: u64 },
    /// The watchdog hears what its agent says.
    WatchdogHears { id: u64, line: String },
    /// The watchdog looks at its clock.
    WatchdogLooks { id: u64 },
    /// The watchdog sees that its agent is dead.
    WatchdogAlone { id: u64 },
    /// A watchdog or a person undoes one more receipt.
    Restores { id: u64 },
    /// Trouble number so-and-so.
    Trouble(usize),
    /// Somebody else's next call.
    Rogue(u32),
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

    /// The write that a thread of the given agent would do next, if any.
    pub(crate) fn next_write(&self, life: u64) -> Option<&agent::Command> {
        self.planned.values().find_map(|happening| match happening {
            Happening::Act { life: of, command } if *of == life => match **command {
                agent::Command::WriteReceipt { .. } | agent::Command::CloseReceipt { .. } => {
                    Some(&**command)
                }
                _ => None,
            },
            _ => None,
        })
    }
}
