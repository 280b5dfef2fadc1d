//! Faults whose whole effect is a worker in the target's groups. What such a fault has done and how
//! it is measured is its own; this is the life they share.

use super::{Leash, Task, Undo, WORK_NAME, Worker};
use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::cgroup;
use crate::sys::process::Handle;
use crate::values::Checked;
use serde_json::Value;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;

/// Where memory runs out the kernel shall take the worker, not the target.
const OOM_SCORE: i32 = 1000;

/// What is to be done, as the values say it.
pub(crate) trait Dose: Clone + Send + Sized + 'static {
    /// The fault's name.
    fn fault() -> &'static str;

    /// Whether it can be done to this target, before anything is touched and again right after its
    /// groups were read: a reused pid cannot have given them.
    ///
    /// # Errors
    /// Why not.
    fn check(target: ProcessIdentity, _values: &Checked) -> Result<(), EffectError> {
        Handle::open(target).map(drop)
    }

    fn of(target: ProcessIdentity, values: &Checked) -> Self;

    /// For the worker.
    fn words(&self) -> Vec<String>;

    /// Reads [`Dose::words`]; `None` where they are none.
    fn parse(words: &[String]) -> Option<Self>;

    /// The worker's side: returns once it is begun, or never.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn work(self, leash: &Leash) -> Result<(), String>;

    /// What is asked of the worker by now, and how far it may be off where that is its own.
    fn asked(&self, worker: &Worker) -> (f64, Option<f64>);

    /// What it has done.
    fn measure(&self, worker: &Worker, asked: f64) -> Measured;

    /// What to say where the worker is gone, instead of what it said.
    fn gone(&self, said: String) -> String {
        said
    }

    /// What it works on, for the record.
    fn place(&self) -> String {
        String::new()
    }
}

/// What a worker has done.
pub(crate) struct Measured {
    pub(crate) hits: u64,
    pub(crate) seen: u64,
    pub(crate) delivered: f64,
    pub(crate) detail: String,
}

/// The effect of a fault with such a dose.
pub(crate) struct Works<D>(std::marker::PhantomData<fn() -> D>);

impl<D> Works<D> {
    pub(crate) const NEW: Works<D> = Works(std::marker::PhantomData);
}

struct Held<D> {
    dose: D,
    worker: Worker,
}

impl<D: Dose> Effect for Works<D> {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        D::check(injection.target.process, values)?;
        Ok(Undo::of(injection).value())
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let groups = cgroup::groups(receipt.process.pid)?;
        D::check(receipt.process, values)?;
        let dose = D::of(receipt.process, values);
        let (token, words) = (Undo::read(receipt)?.token, dose.words());
        let task = Task { token, fault: D::fault(), words, oom_score: OOM_SCORE };
        Ok(Box::new(Held { dose, worker: Worker::start(&task, &groups, lease)? }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        Undo::read(receipt)?.end()
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        Ok(Undo::read(receipt)?.residue())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        Undo::read(receipt).map_or_else(|_| "squall undo".to_owned(), |undo| undo.advice())
    }

    fn work(&self, words: &[String], leash: &Leash) -> Result<(), String> {
        let dose = D::parse(words).ok_or("what it is to do is not readable")?;
        dose.work(leash)
    }
}

impl<D: Dose> Holder for Held<D> {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let (asked, tolerance) = self.dose.asked(&self.worker);
        let Measured { hits, seen, delivered, detail } = match self.worker.gone() {
            Some(said) => {
                let detail = self.dose.gone(said);
                Measured { hits: 0, seen: 1, delivered: 0.0, detail }
            }
            None => self.dose.measure(&self.worker, asked),
        };
        let (asked, delivered) = (Some(asked), Some(delivered));
        Ok(Bite { hits, seen, asked, delivered, tolerance, detail })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.worker.extend(lease)
    }

    fn mechanism(&self) -> String {
        format!("{WORK_NAME}{} in {}", self.dose.place(), self.worker.groups())
    }
}
