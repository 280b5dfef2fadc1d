//! The agent's protocol: one JSON message a line over a unix socket, both ways.
//!
//! A client sends [`Call`]s and gets one [`Reply`] each, in order of completion, matched by
//! `id`; in between the agent sends [`Notice`]s. There is one message for arming, whatever the
//! fault.

use crate::fingerprint::Fingerprint;
use crate::identity::ProcessIdentity;
use crate::injection::{Bite, Injection};
use crate::sdk::SdkHello;
use serde::{Deserialize, Serialize};

/// The version both sides must share.
pub const PROTOCOL_VERSION: u32 = 1;
/// The longest message accepted. An injection is about 1 KiB, a fingerprint some 100 KiB.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// A client's message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Chosen by the client, repeated in the reply; greater than that of the call before it on
    /// the connection.
    pub id: u64,
    /// What is asked.
    pub ask: Ask,
}

/// What a client may ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Ask {
    /// First message on a connection.
    Hello {
        /// [`PROTOCOL_VERSION`] of the client.
        v: u32,
        /// Who asks, for the list of armed faults, for example `run 7k2f9`.
        by: String,
    },
    /// Reserve the target, write the receipt, apply the fault.
    Arm {
        /// The injection.
        injection: Box<Injection>,
        /// How many targets this run may hold at once; the agent enforces it by itself.
        radius_max: u32,
    },
    /// Renew the leases of a run.
    Renew {
        /// The run.
        run: String,
    },
    /// Revert one injection, or all of a run.
    Disarm {
        /// The run.
        run: String,
        /// The injection; all of the run where absent.
        injection: Option<String>,
    },
    /// What the injection shows of its own effect.
    Bite {
        /// The run.
        run: String,
        /// The injection.
        injection: String,
    },
    /// Everything that is armed on this host.
    Status,
    /// The host's state as a diffable value; the namespaces of these processes are included.
    Fingerprint {
        /// Pids whose network namespaces are read too.
        pids: Vec<u32>,
    },
    /// The processes that have registered with the agent through the SDK.
    Processes,
    /// Revert everything, of every run, and refuse new ones until the next start.
    UndoAll,
    /// End the agent once nothing is armed.
    Shutdown,
}

/// The agent's answer to one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The call's id.
    pub id: u64,
    /// The answer.
    pub answer: Answer,
}

/// What the agent may answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Answer {
    /// To `Hello`.
    Welcome {
        /// [`PROTOCOL_VERSION`] of the agent.
        v: u32,
        /// The agent's build.
        version: String,
        /// The agent's pid.
        pid: u32,
        /// The watchdog's pid.
        watchdog: u32,
    },
    /// To `Arm`.
    Armed(Armed),
    /// To `Renew`: how long every lease of the run still holds, in milliseconds.
    Renewed {
        /// The shortest remaining time.
        remaining_ms: u64,
    },
    /// To `Disarm` and `UndoAll`.
    Disarmed {
        /// One outcome an injection.
        outcomes: Vec<Undone>,
    },
    /// To `Bite`.
    Bite(Bite),
    /// To `Status`.
    Status {
        /// What is armed, oldest first.
        armed: Vec<ArmedLine>,
        /// Receipts that could not be undone yet.
        stuck: Vec<String>,
    },
    /// To `Fingerprint`.
    Fingerprint(Fingerprint),
    /// To `Processes`.
    Processes {
        /// One line a process.
        registered: Vec<Registered>,
    },
    /// To `Shutdown`.
    Bye,
    /// The agent will not do it; nothing was changed.
    Refused(Refusal),
}

/// A process that has registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// The process, as the kernel names it.
    pub process: ProcessIdentity,
    /// What it says of itself.
    pub hello: SdkHello,
}

/// An injection that is in place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Armed {
    /// The injection.
    pub injection: String,
    /// The receipt that undoes it.
    pub receipt: String,
    /// Time for writing and syncing the receipt, in microseconds.
    pub receipt_us: u64,
    /// Time from the synced receipt to the effect in place, in microseconds.
    pub apply_us: u64,
    /// How it works here, for example `cgroup connect4/6 on /shop/order`.
    pub mechanism: String,
}

/// How one undo went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undone {
    /// The run.
    pub run: String,
    /// The injection.
    pub injection: String,
    /// The receipt.
    pub receipt: String,
    /// Time from decision to restored, in microseconds.
    pub took_us: u64,
    /// What its bite was at the end.
    pub bite: Option<Bite>,
    /// What is still there; empty when restored.
    pub residue: Vec<String>,
    /// The command a person types when it is not restored.
    pub advice: Option<String>,
}

/// One line of `Status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmedLine {
    /// The run.
    pub run: String,
    /// The injection.
    pub injection: String,
    /// The fault.
    pub fault: String,
    /// The target's name.
    pub target: String,
    /// Since when, wall clock in milliseconds.
    pub since_unix_ms: u64,
    /// What is left of its lease, in milliseconds.
    pub remaining_ms: u64,
    /// Who armed it.
    pub by: String,
}

/// Why the agent will not do something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// For programs, for example `busy`, `gone`, `radius`, `unsupported`, `journal`.
    pub code: String,
    /// For a person.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
}

/// What the agent says without being asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Notice {
    /// An injection ended by itself: lease, cap, target gone, another client's `UndoAll`.
    Ended {
        /// `lease`, `cap`, `target gone`, `undo`, `client gone`, `failed`.
        why: String,
        /// How the undo went.
        outcome: Undone,
    },
}

/// A line from the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum FromAgent {
    /// An answer.
    Reply(Reply),
    /// Something nobody asked for.
    Notice(Notice),
}

/// Renders a message as one line, newline included.
pub fn encode<T: Serialize>(message: &T) -> String {
    let mut line = serde_json::to_string(message).expect("invariant: messages are JSON-safe");
    line.push('\n');
    line
}
