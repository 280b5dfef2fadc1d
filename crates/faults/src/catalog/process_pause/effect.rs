//! SIGSTOP and SIGCONT through descriptors of processes, never through bare pids.

use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::process::{self, Handle};
use crate::sys::stopping::{Undo, is_same, runs, settle};
use crate::values::Checked;
use rustix::process::Signal;
use serde_json::Value;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;

/// The effect.
pub static EFFECT: &dyn Effect = &Pause;

struct Pause;

struct Held {
    stopped: Vec<ProcessIdentity>,
}

impl Effect for Pause {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        Ok(Undo::of(injection, values.word("tree") == "yes")?.value())
    }

    fn apply(
        &self,
        _injection: &Injection,
        _values: &Checked,
        receipt: &Receipt,
        _lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let stopped = Undo::read(receipt)?.stop;
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
        Undo::read(receipt)?.let_go()
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        Ok(Undo::read(receipt)?.residue())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        Undo::read(receipt).map_or_else(|_| "squall undo".to_owned(), |undo| undo.advice())
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
