//! What the core is told and what it orders. Plain data; no handle, no clock.

use serde_json::Value;
use squall_wire::fingerprint::Fingerprint;
use squall_wire::injection::{Bite, Injection};
use squall_wire::protocol::{Call, Notice, Refusal, Reply};
use squall_wire::receipt::Receipt;

/// One connection. Never reused in the life of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client(pub u64);

/// One injection in the agent's hands. Never reused in the life of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u64);

/// Something that happened outside the core.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The journal holds this open receipt of an earlier life.
    Found {
        /// The receipt.
        receipt: Box<Receipt>,
    },
    /// A connection was accepted.
    Joined {
        /// The connection.
        client: Client,
    },
    /// A connection sent a call.
    Called {
        /// The connection.
        client: Client,
        /// The call.
        call: Box<Call>,
    },
    /// A connection ended.
    Left {
        /// The connection.
        client: Client,
    },
    /// To `Prepare`: what undoes the injection, or why it cannot be.
    Prepared {
        /// The injection.
        slot: Slot,
        /// The answer.
        result: Result<Value, Refusal>,
    },
    /// To `WriteReceipt`: the receipt is on disk (after so many microseconds), or is not.
    Written {
        /// The injection.
        slot: Slot,
        /// The answer.
        result: Result<u64, Refusal>,
    },
    /// To `Apply`: the mechanism and the time it took in microseconds, or why not.
    Applied {
        /// The injection.
        slot: Slot,
        /// The answer.
        result: Result<(String, u64), Refusal>,
    },
    /// To `Revert`.
    Reverted {
        /// The injection.
        slot: Slot,
        /// How it went.
        how: Box<Reverted>,
    },
    /// To `CloseReceipt`.
    Closed {
        /// The injection.
        slot: Slot,
        /// The answer.
        result: Result<(), Refusal>,
    },
    /// To `Bite`.
    Bitten {
        /// Who asked.
        client: Client,
        /// The call's id.
        call: u64,
        /// The answer.
        result: Result<Bite, Refusal>,
    },
    /// To `Fingerprint`.
    Fingerprinted {
        /// Who asked.
        client: Client,
        /// The call's id.
        call: u64,
        /// The answer; the core adds whose faults were in hand meanwhile.
        fingerprint: Fingerprint,
    },
    /// The holder of an applied fault failed: it could not be extended.
    Lost {
        /// The injection.
        slot: Slot,
    },
    /// The target's process ended.
    TargetGone {
        /// The injection.
        slot: Slot,
    },
    /// A watchdog was started, for the first time or again.
    WatchdogIs {
        /// Its pid.
        pid: u32,
    },
    /// The watchdog died; the next one is not there yet.
    WatchdogGone {
        /// Its pid.
        pid: u32,
    },
    /// The watchdog keeps guard. Until it does, no receipt is written and so nothing is armed.
    WatchdogReady {
        /// Its pid.
        pid: u32,
    },
    /// A signal asks the agent to end.
    Stop,
    /// Time passed.
    Tick,
}

/// How an undo went.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reverted {
    /// What the fault showed of itself before it was undone.
    pub bite: Option<Bite>,
    /// What is still there.
    pub residue: Vec<String>,
    /// The fault's own error.
    pub error: Option<String>,
    /// What a person types when it is not restored.
    pub advice: String,
}

/// Something to be done outside the core.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Check the injection and work out what undoes it; touch nothing.
    Prepare {
        /// The injection's slot.
        slot: Slot,
        /// The injection.
        injection: Box<Injection>,
    },
    /// Append the receipt to the journal and sync it.
    WriteReceipt {
        /// The injection's slot.
        slot: Slot,
        /// The receipt.
        receipt: Box<Receipt>,
    },
    /// Apply the prepared injection.
    Apply {
        /// The injection's slot.
        slot: Slot,
        /// Its receipt.
        receipt: Box<Receipt>,
        /// When it has to end by itself, on the boot-time axis.
        deadline_ns: u64,
    },
    /// Move the moment at which it ends by itself.
    Extend {
        /// The injection's slot.
        slot: Slot,
        /// The new deadline.
        deadline_ns: u64,
    },
    /// Drop the holder, undo from the receipt, look for residue.
    Revert {
        /// The injection's slot.
        slot: Slot,
        /// Its receipt.
        receipt: Box<Receipt>,
    },
    /// Append the closing entry; it need not be synced, for undoing twice does no harm.
    CloseReceipt {
        /// The injection's slot.
        slot: Slot,
        /// The receipt's id.
        receipt: String,
        /// Who undid it: `agent` or `restart`.
        by: &'static str,
    },
    /// Forget the slot: its worker and whatever it holds.
    Release {
        /// The injection's slot.
        slot: Slot,
    },
    /// Tell the watchdog by when it must hear of this receipt again.
    Watch {
        /// The receipt's id.
        receipt: String,
        /// The moment, on the boot-time axis.
        deadline_ns: u64,
    },
    /// Tell the watchdog that this receipt needs no deadline any more.
    Unwatch {
        /// The receipt's id.
        receipt: String,
    },
    /// Measure the effect.
    Bite {
        /// The injection's slot.
        slot: Slot,
        /// Who asks.
        client: Client,
        /// The call's id.
        call: u64,
    },
    /// Read the host's state.
    Fingerprint {
        /// Who asks.
        client: Client,
        /// The call's id.
        call: u64,
        /// Pids whose network namespaces are read too.
        pids: Vec<u32>,
    },
    /// Say which processes have registered.
    Processes {
        /// Who asks.
        client: Client,
        /// The call's id.
        call: u64,
    },
    /// Answer a call.
    Reply {
        /// The connection.
        client: Client,
        /// The answer.
        reply: Box<Reply>,
    },
    /// Say something unasked.
    Notify {
        /// The connection.
        client: Client,
        /// The notice.
        notice: Box<Notice>,
    },
    /// End the agent.
    Exit,
}
