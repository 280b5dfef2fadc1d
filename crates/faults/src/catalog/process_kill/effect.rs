//! One signal through a descriptor of exactly one process.

use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::process::{self, Handle};
use crate::sys::stopping::{is_same, settle};
use crate::values::Checked;
use rustix::process::Signal;
use serde_json::{Value, json};
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;

/// The effect.
pub static EFFECT: &dyn Effect = &Kill;

struct Kill;

struct Held {
    process: ProcessIdentity,
    signal: String,
}

impl Effect for Kill {
    fn prepare(&self, injection: &Injection, _values: &Checked) -> Result<Value, EffectError> {
        Handle::open(injection.target.process)?;
        process::refuse_own(injection.target.process)?;
        Ok(json!({}))
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        _lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let process = receipt.process;
        let word = values.word("signal").to_owned();
        Handle::open(process)?.signal(signal(&word))?;
        settle(|| !is_same(process));
        Ok(Box::new(Held { process, signal: word }))
    }

    fn revert(&self, _receipt: &Receipt) -> Result<(), EffectError> {
        Ok(())
    }

    fn residue(&self, _receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        Ok(Vec::new())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        format!("nothing to undo; start {} again where nothing supervises it", receipt.target)
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let ended = !is_same(self.process);
        let word = if ended { "ended by" } else { "still there after" };
        Ok(Bite {
            hits: u64::from(ended),
            seen: 1,
            detail: format!("pid {} {word} SIG{}", self.process.pid, self.signal),
            ..Bite::default()
        })
    }

    fn extend(&mut self, _lease: LeaseEnd) -> Result<(), EffectError> {
        Ok(())
    }

    fn mechanism(&self) -> String {
        format!("SIG{}", self.signal)
    }
}

fn signal(word: &str) -> Signal {
    match word {
        "TERM" => Signal::TERM,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "ABRT" => Signal::ABORT,
        "SEGV" => Signal::SEGV,
        _ => Signal::KILL,
    }
}
