//! Undoes one injection from its receipt alone, whoever asks: agent, watchdog or a person.

use crate::core::Reverted;
use crate::points::{Point, reach};
use squall_faults::catalog;
use squall_faults::effect::{Effect, EffectError};
use squall_faults::sys::clock;
use squall_wire::identity::BootId;
use squall_wire::receipt::{RECEIPT_VERSION, Receipt};

/// The part of a fault that undoes it.
pub trait Undo {
    /// Undoes it with nothing but the receipt; may be called again.
    ///
    /// # Errors
    /// Why it is not undone.
    fn revert(&mut self, receipt: &Receipt) -> Result<(), EffectError>;

    /// What is still there. Empty means restored.
    ///
    /// # Errors
    /// Why nobody can say.
    fn residue(&mut self, receipt: &Receipt) -> Result<Vec<String>, EffectError>;

    /// The command a person types when `revert` could not.
    fn advice(&self, receipt: &Receipt) -> String;
}

impl Undo for &dyn Effect {
    fn revert(&mut self, receipt: &Receipt) -> Result<(), EffectError> {
        Effect::revert(*self, receipt)
    }

    fn residue(&mut self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        Effect::residue(*self, receipt)
    }

    fn advice(&self, receipt: &Receipt) -> String {
        Effect::advice(*self, receipt)
    }
}

/// Reverts here and now, then looks for residue.
pub fn restore(receipt: &Receipt) -> Reverted {
    let boot = clock::boot_id().ok();
    restore_by(receipt, boot.as_ref(), |fault| catalog::find(fault).map(|entry| entry.effect))
}

/// Reverts, then looks for residue. Idempotent. A receipt of another boot is left alone: nothing
/// of it exists any more, and its pids mean other processes.
pub fn restore_by<U: Undo>(
    receipt: &Receipt,
    boot: Option<&BootId>,
    find: impl FnOnce(&str) -> Option<U>,
) -> Reverted {
    if boot.is_some_and(|boot| *boot != receipt.boot) {
        return Reverted::default();
    }
    if receipt.v > RECEIPT_VERSION {
        return failed(format!("the receipt is of version {}, newer than this build", receipt.v));
    }
    match find(&receipt.fault) {
        Some(fault) => undo(fault, receipt),
        None => failed(format!("this build has no fault `{}`", receipt.fault)),
    }
}

fn undo(mut fault: impl Undo, receipt: &Receipt) -> Reverted {
    let reverted = fault.revert(receipt);
    reach(Point::Reverted);
    let mut how = Reverted { advice: fault.advice(receipt), ..Reverted::default() };
    match fault.residue(receipt) {
        Ok(residue) => how.residue = residue,
        // A target that is gone took everything of it along.
        Err(EffectError::TargetGone) => {}
        Err(error) => how.error = Some(format!("looking for residue: {error}")),
    }
    match reverted {
        Ok(()) | Err(EffectError::TargetGone) => {}
        Err(error) => how.error = Some(error.to_string()),
    }
    reach(Point::Looked);
    how
}

fn failed(error: String) -> Reverted {
    let advice = "run `squall undo` with the build of Squall that wrote the receipt".into();
    Reverted { error: Some(error), advice, ..Reverted::default() }
}

/// True when nothing of it is left.
pub fn is_restored(how: &Reverted) -> bool {
    how.error.is_none() && how.residue.is_empty()
}
