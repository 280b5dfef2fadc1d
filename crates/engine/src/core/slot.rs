//! Owns what the core believes of one injection.

use squall_wire::injection::{Bite, Injection};

/// One injection of the script.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slot {
    /// The step it belongs to.
    pub(super) step: usize,
    /// The injection.
    pub(super) injection: Injection,
    /// Where it stands.
    pub(super) stage: Stage,
    /// Its receipt, once it was armed.
    pub(super) receipt: Option<String>,
    /// When the first order to undo it was given.
    pub(super) ordered_us: Option<u64>,
    /// The last bite that was reported.
    pub(super) bite: Option<Bite>,
    /// True once it was known to be in place.
    pub(super) was_armed: bool,
    /// The first call that was made after that: what was asked before says nothing of it.
    pub(super) known_since: u64,
    /// What is still there of it.
    pub(super) residue: Vec<String>,
    /// What a person types when it is not restored.
    pub(super) advice: Option<String>,
}

/// Where an injection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not asked for yet.
    Planned,
    /// Asked for; it may be in place any moment.
    Arming,
    /// In place.
    Armed,
    /// Nobody knows: a call was not answered or the agent was lost.
    Unknown,
    /// Never came to be.
    Refused,
    /// Undone, without residue.
    Restored,
    /// Given up: a person must act.
    Stuck,
}

impl Stage {
    /// Tells whether the target may still feel it, as far as the core can do anything about it.
    pub(super) fn may_act(self) -> bool {
        matches!(self, Stage::Arming | Stage::Armed | Stage::Unknown)
    }
}

impl Slot {
    pub(super) fn new(step: usize, injection: Injection) -> Slot {
        Slot {
            step,
            injection,
            stage: Stage::Planned,
            receipt: None,
            ordered_us: None,
            bite: None,
            was_armed: false,
            known_since: 0,
            residue: Vec::new(),
            advice: None,
        }
    }
}
