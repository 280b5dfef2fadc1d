//! Undoing what is open, receipt by receipt, until all is restored or the time is up. Pure: the
//! hands that undo are an argument. Watchdog and `squall undo` do the same.

use crate::core::Reverted;
use crate::restore::is_restored;
use squall_wire::receipt::Receipt;
use std::collections::VecDeque;

/// How long one tries before the receipt is left to a person.
pub const RESTORE_NS_MAX: u64 = 10 * 1_000_000_000;
/// Between two attempts: a killed agent's descriptors may take some milliseconds to close.
pub const AGAIN_NS: u64 = 5 * 1_000_000;

/// What is still to be undone.
#[derive(Debug, Clone)]
pub struct Replay {
    todo: VecDeque<Receipt>,
    left: Vec<(Receipt, String)>,
    give_up_ns: u64,
}

/// What came of one attempt, and what to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// This one is restored: close it, then go on.
    Restored(Box<Receipt>),
    /// This one is not restored yet: go on.
    Left,
    /// Each was tried: go on after [`AGAIN_NS`].
    Pause,
    /// Over; these could not be restored, each with what is still there and what a person types.
    Over(Vec<(Receipt, String)>),
}

impl Replay {
    /// Everything that a journal says is open.
    pub fn new(open: Vec<Receipt>, now_ns: u64) -> Replay {
        let give_up_ns = now_ns.saturating_add(RESTORE_NS_MAX);
        Replay { todo: open.into(), left: Vec::new(), give_up_ns }
    }

    /// Tries the next receipt.
    pub fn step(&mut self, now_ns: u64, restore: impl FnOnce(&Receipt) -> Reverted) -> Step {
        if let Some(receipt) = self.todo.pop_front() {
            let how = restore(&receipt);
            if is_restored(&how) {
                return Step::Restored(Box::new(receipt));
            }
            let mut what = how.residue;
            what.extend(how.error);
            let advice = format!("{}; try: {}", what.join("; "), how.advice);
            self.left.push((receipt, advice));
            return Step::Left;
        }
        if self.left.is_empty() || now_ns >= self.give_up_ns {
            return Step::Over(std::mem::take(&mut self.left));
        }
        self.todo.extend(self.left.drain(..).map(|(receipt, _)| receipt));
        Step::Pause
    }
}
