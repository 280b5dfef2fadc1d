//! Faults that write a limit into the files of the target's cgroup: what such a fault says is data,
//! this is what they all do with it.

use super::{Controller, Place};
use crate::effect::{Effect, EffectError, Holder, LeaseEnd, Mechanism};
use crate::values::Checked;
use serde_json::Value;
use squall_wire::injection::Injection;
use squall_wire::receipt::Receipt;

/// Writes a limit where the target lives by now.
type Limit = fn(Place, &Checked) -> Result<Box<dyn Holder>, EffectError>;

/// A fault on the files of a cgroup. The kernel holds no deadline for a limit; the watchdog does.
pub(crate) struct LimitFault {
    /// Which files.
    pub(crate) controller: &'static Controller,
    /// Both versions of cgroups, in the order they are tried.
    pub(crate) mechanisms: &'static [Mechanism],
    /// What it writes.
    pub(crate) limit: Limit,
}

impl Effect for LimitFault {
    fn mechanisms(&self) -> &'static [Mechanism] {
        self.mechanisms
    }

    fn prepare(&self, injection: &Injection, _values: &Checked) -> Result<Value, EffectError> {
        Ok(self.controller.place(injection)?.value())
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        _lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let place = Place::read(receipt)?;
        place.enter(receipt.process)?;
        (self.limit)(place, values)
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        Place::read(receipt)?.restore()
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        Ok(Place::read(receipt)?.residue())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        Place::read(receipt).map_or_else(|_| "squall undo".to_owned(), |undo| undo.advice())
    }
}
