//! What the core is told and what it orders. Plain data; no handle, no clock.

use squall_wire::protocol::{Answer, Ask, Notice};
use squall_wire::record;

/// Something that happened outside the core.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// There is an agent and it said welcome. Calls of an earlier connection are dead.
    AgentUp,
    /// The connection to the agent ended, or there never was one.
    AgentLost {
        /// Why, for a person.
        why: String,
    },
    /// There is no agent and none can be started.
    AgentFailed {
        /// Why, and what to do, for a person.
        why: String,
    },
    /// The agent answered a call.
    Reply {
        /// The call's id.
        call: u64,
        /// The answer.
        answer: Box<Answer>,
    },
    /// The agent said something unasked.
    Notice(Box<Notice>),
    /// A pull ended; for a sample, with one reading an indicator whose judgement is still blank.
    Pulled {
        /// The pull's number.
        pull: u64,
        /// The readings; empty for a reference.
        readings: Vec<record::Reading>,
    },
    /// A person or a signal asks the run to end.
    Stop {
        /// Who, for example `Ctrl-C`.
        by: String,
    },
    /// Something a person should know that changes no verdict.
    Warning {
        /// For programs.
        code: String,
        /// For a person.
        text: String,
    },
    /// Time passed.
    Tick,
}

/// What a pull is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The first one of a window: events are counted from it on.
    Reference,
    /// A sample: events are counted since the pull before it.
    Sample,
}

/// Something to be done outside the core.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Send a call to the agent.
    Ask {
        /// The call's id.
        call: u64,
        /// What is asked.
        ask: Box<Ask>,
    },
    /// Try for an agent until there is one.
    Reconnect,
    /// Pull all sources at once.
    Pull {
        /// The pull's number.
        pull: u64,
        /// What it is for.
        purpose: Purpose,
    },
    /// Let the run's own traffic rest, or flow again.
    Traffic {
        /// True to let it flow.
        flows: bool,
    },
    /// Append to the record.
    Record(Box<record::Event>),
    /// The run is over.
    Finish {
        /// The exit code.
        exit: u8,
    },
}
