//! What all faults on the shared redirect do in the same way: their undo is in the receipt, and
//! nothing else is needed to take the redirect away or to look for what is left of it.

use super::{ADVICE, Undo};
use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::values::Checked;
use serde_json::Value;
use squall_wire::injection::Injection;
use squall_wire::receipt::Receipt;

/// A fault on the shared redirect: what of it is not as in the others.
pub(crate) trait Led: Sync {
    /// Works out which traffic is led to the proxy. Touches nothing.
    fn undo(&self, injection: &Injection, values: &Checked) -> Result<Undo, EffectError>;

    /// Leads it there, where it is hurt. Dropping the holder ends that.
    fn lead(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError>;
}

impl<T: Led> Effect for T {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        Ok(self.undo(injection, values)?.to_value())
    }

    fn apply(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        self.lead(injection, values, receipt, lease)
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        Undo::of(receipt)?.revert()
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        Undo::of(receipt)?.residue()
    }

    fn advice(&self, _receipt: &Receipt) -> String {
        ADVICE.to_owned()
    }
}
