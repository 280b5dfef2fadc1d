//! Processes that are stopped and must go on: what the receipt says of them, and how they are let
//! go, through descriptors of exactly these processes.

use crate::effect::EffectError;
use crate::sys::clock;
use crate::sys::process::{self, Handle};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::Injection;
use squall_wire::receipt::Receipt;
use std::time::Duration;

/// A tree larger than this is no instance of a service.
const PROCESSES_MAX: usize = 256;
/// How long a stop or a start is watched until it has arrived. A thread inside the disk driver may
/// take longer; the bite and the residue tell.
const SETTLE_NS_MAX: u64 = 50_000_000;
/// Between two looks: short against the figure of 1 ms from command to effect.
const LOOK_AGAIN: Duration = Duration::from_micros(100);

/// What undoes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undo {
    /// The processes that are stopped by this injection, the target first. Those that were
    /// stopped before are not among them and stay as they are.
    pub(crate) stop: Vec<ProcessIdentity>,
}

impl Undo {
    /// The target, and its children where `tree` is asked; refused where it cannot be stopped
    /// without mistaking somebody else's stop for ours.
    pub(crate) fn of(injection: &Injection, tree: bool) -> Result<Undo, EffectError> {
        let target = injection.target.process;
        Handle::open(target)?;
        process::refuse_own(target)?;
        let state = process::stat(target.pid).ok_or(EffectError::TargetGone)?.state;
        if state == 'T' {
            let text = format!("{} is stopped already, by somebody else", injection.target.name);
            return Err(EffectError::InTheWay(text));
        }
        if let Some(tracer) = process::tracer(target.pid) {
            let text = format!("{} is traced by pid {tracer}", injection.target.name);
            return Err(EffectError::InTheWay(text));
        }
        let mut stop = vec![target];
        if tree {
            stop.extend(process::descendants(target.pid).into_iter().filter(can_be_stopped));
        }
        if stop.len() > PROCESSES_MAX {
            let text = format!("{} processes are more than {PROCESSES_MAX}", stop.len());
            return Err(EffectError::InTheWay(text));
        }
        Ok(Undo { stop })
    }

    pub(crate) fn value(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("invariant: an undo is JSON-safe")
    }

    pub(crate) fn read(receipt: &Receipt) -> Result<Undo, EffectError> {
        let undo = Undo::deserialize(&receipt.undo);
        undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
    }

    /// Lets them all go on.
    pub(crate) fn let_go(&self) -> Result<(), EffectError> {
        let mut first_error = None;
        for process in &self.stop {
            let sent = Handle::open(*process).and_then(|handle| handle.signal(Signal::CONT));
            match sent {
                Ok(()) | Err(EffectError::TargetGone) => {}
                // The others are let go all the same.
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        settle(|| self.stop.iter().all(|process| !is_stopped(*process)));
        first_error.map_or(Ok(()), Err)
    }

    pub(crate) fn residue(&self) -> Vec<String> {
        let stopped = self.stop.iter().filter(|process| is_stopped(**process));
        stopped.map(|process| format!("pid {} is still stopped", process.pid)).collect()
    }

    pub(crate) fn advice(&self) -> String {
        let pids: Vec<_> = self.stop.iter().map(|process| process.pid.to_string()).collect();
        format!("kill -CONT {}", pids.join(" "))
    }
}

/// Waits a moment until it is so.
pub(crate) fn settle(done: impl Fn() -> bool) {
    let end = clock::monotonic_ns() + SETTLE_NS_MAX;
    while !done() && clock::monotonic_ns() < end {
        std::thread::sleep(LOOK_AGAIN);
    }
}

pub(crate) fn is_same(process: ProcessIdentity) -> bool {
    process::identity(process.pid) == Some(process)
}

/// True while a thread is not stopped yet.
pub(crate) fn runs(process: ProcessIdentity) -> bool {
    is_same(process) && process::thread_states(process.pid).iter().any(|state| *state != 'T')
}

pub(crate) fn is_stopped(process: ProcessIdentity) -> bool {
    is_same(process) && process::thread_states(process.pid).contains(&'T')
}

fn can_be_stopped(process: &ProcessIdentity) -> bool {
    process::stat(process.pid).is_some_and(|stat| !matches!(stat.state, 'T' | 't' | 'Z'))
}
