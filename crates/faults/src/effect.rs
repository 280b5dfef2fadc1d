//! How a fault touches the system, and how it is undone. Only the agent calls this.

use crate::fault::Death;
use crate::sys::worker::Leash;
use crate::values::Checked;
use serde_json::Value;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;

/// The part of a fault that acts. Every step may be called again; none may wait longer than
/// [`STEP_MS_MAX`].
pub trait Effect: Sync {
    /// Works out what undoes it, before anything is touched. The answer goes into the receipt.
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError>;

    /// Applies it. Dropping the holder must end whatever the kernel holds for it.
    fn apply(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError>;

    /// Undoes it with nothing but the receipt. Idempotent; called after the holder was dropped,
    /// or by a process that never had one.
    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError>;

    /// What is still there. Empty means restored.
    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError>;

    /// The command a person types when `revert` could not.
    fn advice(&self, receipt: &Receipt) -> String;

    /// The ways it can act, in the order it tries them; empty where its needs say it all.
    fn mechanisms(&self) -> &'static [Mechanism] {
        &[]
    }

    /// The work of its child process, where it has one: returns once what it holds is in place,
    /// or never. The process ends by itself with the lease.
    ///
    /// # Errors
    /// Why the work cannot be done, for a person.
    fn work(&self, _words: &[String], _leash: &Leash) -> Result<(), String> {
        Err("this fault has no worker".to_owned())
    }
}

/// One way in which a fault can act.
#[derive(Clone, Copy)]
pub struct Mechanism {
    /// For example `cgroup v1 cpu.cfs_quota_us`.
    pub name: &'static str,
    /// How the effect dies with its holder this way.
    pub death: Death,
    /// Tries it in a throwaway place: how it was found to work, or why it does not.
    pub trial: fn() -> Result<String, String>,
}

impl std::fmt::Debug for Mechanism {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// An applied fault in the agent's hands.
pub trait Holder: Send {
    /// Measures its own effect.
    fn bite(&mut self) -> Result<Bite, EffectError>;

    /// Moves the deadline after which the effect ends by itself even if the agent hangs.
    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError>;

    /// How it works here, for the record.
    fn mechanism(&self) -> String;
}

/// When an effect has to end by itself: nanoseconds of `CLOCK_BOOTTIME` and `CLOCK_MONOTONIC`
/// (BPF on older kernels reads only the latter).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseEnd {
    /// On the boot-time axis.
    pub boottime_ns: u64,
    /// On the monotonic axis.
    pub monotonic_ns: u64,
}

impl LeaseEnd {
    /// What ends here never acts.
    pub(crate) const NEVER: LeaseEnd = LeaseEnd { boottime_ns: 0, monotonic_ns: 0 };
}

/// The longest a single step may take before the agent reports it as stuck.
pub const STEP_MS_MAX: u64 = 5_000;

/// Why a step did not work.
#[derive(Debug, thiserror::Error)]
pub enum EffectError {
    /// The target process is gone or its pid is another process now.
    #[error("the target process is gone")]
    TargetGone,
    /// The host does not offer the mechanism.
    #[error("{what} is not available here: {why}")]
    Unavailable {
        /// The mechanism.
        what: &'static str,
        /// The kernel's answer.
        why: String,
    },
    /// Somebody else stands in the way (an existing redirect, a frozen cgroup).
    #[error("{0}")]
    InTheWay(String),
    /// A system call failed.
    #[error("{step}: {source}")]
    System {
        /// What was being done.
        step: &'static str,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The receipt's `undo` is not this fault's.
    #[error("this receipt was not written by this fault: {0}")]
    ForeignReceipt(String),
    /// Values that the agent's own check refused.
    #[error("{0}")]
    BadValues(String),
}
