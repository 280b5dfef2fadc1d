//! SIGSTOP and SIGCONT through descriptors of processes, never through bare pids.

use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::clock;
use crate::sys::process::{self, Handle};
use crate::values::Checked;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &Pause;

/// A tree larger than this is no instance of a service.
const PROCESSES_MAX: usize = 256;
/// How long apply and revert watch for the signal to arrive. A thread inside the disk driver may
/// take longer; the bite and the residue tell.
const SETTLE_NS_MAX: u64 = 50_000_000;
/// Between two looks: short against the figure of 1 ms from command to effect.
const LOOK_AGAIN: Duration = Duration::from_micros(100);

struct Pause;

/// What undoes it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    /// The processes that are stopped by this injection, the target first. Those that were
    /// stopped before are not among them and stay as they are.
    stop: Vec<ProcessIdentity>,
}

struct Held {
    stopped: Vec<ProcessIdentity>,
}

impl Effect for Pause {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
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
        if values.word("tree") == "yes" {
            stop.extend(process::descendants(target.pid).into_iter().filter(can_be_stopped));
        }
        if stop.len() > PROCESSES_MAX {
            let text = format!("{} processes are more than {PROCESSES_MAX}", stop.len());
            return Err(EffectError::InTheWay(text));
        }
        Ok(serde_json::to_value(Undo { stop }).expect("invariant: an undo is JSON-safe"))
    }

    fn apply(
        &self,
        _injection: &Injection,
        _values: &Checked,
        receipt: &Receipt,
        _lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let stopped = undo(receipt)?.stop;
        for (at, process) in stopped.iter().enumerate() {
            let sent = Handle::open(*process).and_then(|handle| handle.signal(Signal::STOP));
            match sent {
                // A child may end between the receipt and now; the target itself may not.
                Err(EffectError::TargetGone) if at > 0 => {}
                sent => sent?,
            }
        }
        settle(|| stopped.iter().all(|process| !runs(*process)));
        Ok(Box::new(Held { stopped }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        let stopped = undo(receipt)?.stop;
        let mut first_error = None;
        for process in &stopped {
            let sent = Handle::open(*process).and_then(|handle| handle.signal(Signal::CONT));
            match sent {
                Ok(()) | Err(EffectError::TargetGone) => {}
                // The others are let go all the same.
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        settle(|| stopped.iter().all(|process| !is_stopped(*process)));
        first_error.map_or(Ok(()), Err)
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let stopped = undo(receipt)?.stop.into_iter().filter(|process| is_stopped(*process));
        Ok(stopped.map(|process| format!("pid {} is still stopped", process.pid)).collect())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        let stopped = undo(receipt).map(|undo| undo.stop).unwrap_or_default();
        let pids: Vec<_> = stopped.iter().map(|process| process.pid.to_string()).collect();
        format!("kill -CONT {}", pids.join(" "))
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let alive = self.stopped.iter().filter(|process| is_same(**process));
        let states: Vec<char> =
            alive.flat_map(|process| process::thread_states(process.pid)).collect();
        let stopped = states.iter().filter(|state| **state == 'T').count();
        let all = !states.is_empty() && stopped == states.len();
        Ok(Bite {
            hits: u64::from(all),
            seen: 1,
            detail: format!("{stopped} of {} threads stopped", states.len()),
            ..Bite::default()
        })
    }

    fn extend(&mut self, _lease: LeaseEnd) -> Result<(), EffectError> {
        // The kernel holds no deadline for a stopped process; the watchdog does.
        Ok(())
    }

    fn mechanism(&self) -> String {
        match self.stopped.len() {
            1 => "SIGSTOP".to_owned(),
            count => format!("SIGSTOP to {count} processes"),
        }
    }
}

fn undo(receipt: &Receipt) -> Result<Undo, EffectError> {
    let undo = Undo::deserialize(&receipt.undo);
    undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
}

fn can_be_stopped(process: &ProcessIdentity) -> bool {
    process::stat(process.pid).is_some_and(|stat| !matches!(stat.state, 'T' | 't' | 'Z'))
}

fn is_same(process: ProcessIdentity) -> bool {
    process::identity(process.pid) == Some(process)
}

/// True while a thread is not stopped yet.
fn runs(process: ProcessIdentity) -> bool {
    is_same(process) && process::thread_states(process.pid).iter().any(|state| *state != 'T')
}

fn is_stopped(process: ProcessIdentity) -> bool {
    is_same(process) && process::thread_states(process.pid).contains(&'T')
}

fn settle(done: impl Fn() -> bool) {
    let end = clock::monotonic_ns() + SETTLE_NS_MAX;
    while !done() && clock::monotonic_ns() < end {
        std::thread::sleep(LOOK_AGAIN);
    }
}
