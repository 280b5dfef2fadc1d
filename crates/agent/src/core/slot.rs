//! One injection in the agent's hands and where it stands between receipt and close.

use super::event::{Client, Reverted};
use squall_wire::identity::ProcessIdentity;
use squall_wire::lease::Lease;
use squall_wire::protocol::{Refusal, Undone};
use squall_wire::receipt::Receipt;

/// Where an injection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Working out what undoes it; nothing is on disk, nothing is touched.
    Preparing,
    /// The receipt is on its way to the disk; nothing is touched.
    Writing,
    /// The fault is being applied.
    Applying,
    /// The fault is in place.
    Armed,
    /// The fault is being undone.
    Reverting,
    /// An attempt to undo it failed; the next comes then.
    Waiting(u64),
    /// A person must act; the receipt stays open.
    Stuck,
    /// Restored; the closing entry is being written.
    Closing,
    /// Restored; the closing entry could not be written and is tried again then.
    ClosingLater(u64),
}

/// One injection.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) run: String,
    pub(super) injection: String,
    pub(super) fault: String,
    pub(super) target: String,
    pub(super) process: ProcessIdentity,
    /// Who armed it, while that connection lives.
    pub(super) owner: Option<Client>,
    /// The words of who armed it, for `Status`.
    pub(super) by: String,
    /// The call that waits for `Armed`.
    pub(super) call: Option<u64>,
    /// What that call is told when the injection was undone instead of armed.
    pub(super) refusal: Option<Refusal>,
    /// Absent for a receipt of an earlier life: that is undone at once.
    pub(super) lease: Option<Lease>,
    pub(super) radius_max: u32,
    pub(super) receipt: Option<Box<Receipt>>,
    /// True once the receipt is on disk.
    pub(super) synced: bool,
    pub(super) stage: Stage,
    /// When the present step is given up.
    pub(super) step_until_ns: u64,
    /// By when the watchdog must hear of it again, as it was told last.
    pub(super) watch_ns: Option<u64>,
    pub(super) since_ns: u64,
    pub(super) receipt_us: u64,
    /// Failed attempts at the present step.
    pub(super) tries: u32,
    /// Why and since when it is being ended.
    pub(super) ending: Option<(&'static str, u64)>,
    pub(super) how: Reverted,
    /// Who closes its receipt.
    pub(super) closer: &'static str,
}

impl Held {
    /// True while the fault may have an effect.
    pub(super) fn may_act(&self) -> bool {
        use Stage::{Applying, Armed, Reverting, Stuck, Waiting};
        matches!(self.stage, Applying | Armed | Reverting | Waiting(_) | Stuck)
    }

    /// True while the target is taken.
    pub(super) fn holds_target(&self) -> bool {
        self.may_act() || matches!(self.stage, Stage::Preparing | Stage::Writing)
    }

    /// True before the end was decided.
    pub(super) fn is_live(&self) -> bool {
        self.ending.is_none() && !self.is_closing()
    }

    /// True once it is restored and only its closing entry is missing.
    pub(super) fn is_closing(&self) -> bool {
        matches!(self.stage, Stage::Closing | Stage::ClosingLater(_))
    }

    /// When something must happen to it although nobody says anything.
    pub(super) fn deadline_ns(&self) -> Option<u64> {
        match self.stage {
            Stage::Waiting(until) | Stage::ClosingLater(until) => Some(until),
            Stage::Stuck | Stage::Closing | Stage::Reverting => None,
            Stage::Preparing | Stage::Writing | Stage::Applying if self.ending.is_some() => None,
            Stage::Preparing | Stage::Writing | Stage::Applying => {
                let lease = self.lease.map_or(u64::MAX, |l| l.deadline_ns());
                Some(lease.min(self.step_until_ns))
            }
            Stage::Armed => self.lease.map(|l| l.deadline_ns()),
        }
    }

    /// How the undo went, for a client.
    pub(super) fn undone(&self, now_ns: u64) -> Undone {
        let since = self.ending.map_or(now_ns, |(_, at)| at);
        let mut residue = self.how.residue.clone();
        residue.extend(self.how.error.clone());
        let advice = (!residue.is_empty()).then(|| self.how.advice.clone());
        Undone {
            run: self.run.clone(),
            injection: self.injection.clone(),
            receipt: self.receipt.as_ref().map_or(String::new(), |r| r.id.clone()),
            took_us: now_ns.saturating_sub(since) / 1_000,
            bite: self.how.bite.clone(),
            residue,
            advice,
        }
    }
}
