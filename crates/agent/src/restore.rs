//! Undoes one injection from its receipt alone, whoever asks: agent, watchdog or a person.

use crate::core::Reverted;
use squall_faults::catalog;
use squall_faults::effect::{Effect, EffectError};
use squall_faults::sys::clock;
use squall_wire::receipt::{RECEIPT_VERSION, Receipt};

/// Reverts, then looks for residue. Idempotent. A receipt of another boot is left alone: nothing
/// of it exists any more, and its pids mean other processes.
pub fn restore(receipt: &Receipt) -> Reverted {
    match clock::boot_id() {
        Ok(boot) if boot != receipt.boot => return Reverted::default(),
        _ => {}
    }
    if receipt.v > RECEIPT_VERSION {
        return failed(format!("the receipt is of version {}, newer than this build", receipt.v));
    }
    match catalog::find(&receipt.fault) {
        Some(entry) => undo(entry.effect, receipt),
        None => failed(format!("this build has no fault `{}`", receipt.fault)),
    }
}

fn undo(effect: &dyn Effect, receipt: &Receipt) -> Reverted {
    let reverted = effect.revert(receipt);
    let mut how = Reverted { advice: effect.advice(receipt), ..Reverted::default() };
    match effect.residue(receipt) {
        Ok(residue) => how.residue = residue,
        // A target that is gone took everything of it along.
        Err(EffectError::TargetGone) => {}
        Err(error) => how.error = Some(format!("looking for residue: {error}")),
    }
    match reverted {
        Ok(()) | Err(EffectError::TargetGone) => {}
        Err(error) => how.error = Some(error.to_string()),
    }
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
