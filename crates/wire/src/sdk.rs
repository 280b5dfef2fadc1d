//! The protocol between the agent and a Go process that has the SDK: one JSON message a line over
//! a unix socket that the agent listens on. The SDK's package `wire` is the other side; both read
//! `vectors/sdk_*.jsonl`.

use crate::injection::Values;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version both sides must share.
pub const SDK_VERSION: u32 = 1;
/// The longest message in bytes; the longest usual one, a hello, has about one KiB.
pub const SDK_LINE_MAX: usize = 64 << 10;

/// A message to the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ToSdk {
    /// Answers a hello.
    Welcome {
        /// [`SDK_VERSION`] of the agent.
        v: u32,
        /// The agent's build.
        version: String,
    },
    /// Starts a fault.
    Arm(SdkArm),
    /// Moves the end of a lease.
    #[serde(rename_all = "camelCase")]
    Renew {
        /// Repeated in the answer.
        call: u64,
        /// The injection.
        id: String,
        /// How long it holds from now, in milliseconds.
        lease_ms: u64,
    },
    /// Asks for a measurement.
    Bite {
        /// Repeated in the answer.
        call: u64,
        /// The injection.
        id: String,
    },
    /// Ends a fault.
    Disarm {
        /// Repeated in the answer.
        call: u64,
        /// The injection.
        id: String,
    },
    /// The agent does not talk to this process.
    Refused {
        /// Why.
        message: String,
    },
}

/// A fault to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SdkArm {
    /// Repeated in the answer.
    pub call: u64,
    /// The injection, unique among all that are armed.
    pub id: String,
    /// The probe's name.
    pub probe: String,
    /// The `with` block.
    pub params: Values,
    /// The `where` block.
    pub filters: Values,
    /// How long the process may keep it without a renewal, in milliseconds.
    pub lease_ms: u64,
    /// Seed of its random choices.
    pub seed: u64,
}

/// A message of the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum FromSdk {
    /// First message of a connection.
    Hello(SdkHello),
    /// Answers one call.
    Ack(SdkAck),
    /// A fault ended without the agent's asking.
    Event(SdkEvent),
}

/// Who registers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SdkHello {
    /// [`SDK_VERSION`] of the process.
    pub v: u32,
    /// Its pid as it sees it; in a container that is not the host's.
    pub pid: u32,
    /// The service.
    pub service: String,
    /// Tells instances of a service apart.
    pub instance: String,
    /// Whatever the process says of itself.
    pub labels: BTreeMap<String, String>,
    /// The release of the SDK.
    pub sdk: String,
    /// The release of Go.
    pub go: String,
    /// What can be armed.
    pub probes: Vec<String>,
    /// The longest a fault lives there, in milliseconds.
    pub cap_ms: u64,
}

/// The answer to one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SdkAck {
    /// The call.
    pub call: u64,
    /// Why it was not done.
    pub error: Option<String>,
    /// The answer to `Bite` and `Disarm`.
    pub bite: Option<SdkBite>,
    /// The answer to `Disarm`.
    pub recovered: Option<Recovered>,
}

/// What a fault shows of its effect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SdkBite {
    /// How often it hurt.
    pub hits: u64,
    /// How often it could have.
    pub seen: u64,
    /// The dose asked for, in the fault's own unit.
    pub asked: Option<f64>,
    /// The dose delivered.
    pub delivered: Option<f64>,
    /// One line for a person.
    pub detail: String,
}

/// The process before a fault and after its undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovered {
    /// Before it.
    pub before: Vitals,
    /// After it.
    pub after: Vitals,
    /// What of the fault itself is still there; empty is restored.
    pub residue: Vec<String>,
}

/// What a leak would show in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vitals {
    /// Goroutines.
    pub goroutines: u64,
    /// Live objects in bytes.
    pub heap_bytes: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Time goroutines waited for locks since the process began, in milliseconds.
    pub lock_wait_ms: f64,
}

/// A fault ended by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SdkEvent {
    /// The injection.
    pub id: String,
    /// `lease`, `cap`, `closed` or `signal`.
    pub why: String,
    /// What it had done by then.
    pub bite: Option<SdkBite>,
    /// How it was undone.
    pub recovered: Option<Recovered>,
}
