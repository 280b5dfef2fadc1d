//! The mutants: each breaks one rule of the safety core on purpose, at the edge of a core, its
//! disk, its hands or its clock, so that the laws can show that they would see it. They are part
//! of the simulation alone; no build of the product has them.

macro_rules! mutants {
    ($($name:ident $what:literal,)*) => {
        /// One rule broken on purpose.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each says what it breaks, below")]
        pub enum Mutant { $($name,)* }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Mutant] = &[$(Mutant::$name,)*];

            /// What it breaks.
            pub fn what(self) -> &'static str {
                match self { $(Mutant::$name => $what,)* }
            }
        }
    };
}

mutants! {
    SkipSync "the receipt is not synced before the fault is applied",
    SwallowSyncError "a failed sync of the receipt counts as done",
    SwallowWriteError "a receipt that a full disk cut short counts as written",
    ApplyBeforeReceipt "the fault is applied before its receipt is written",
    ArmedBeforeApplied "the fault is reported in place before it is",
    RevertBeforeApply "an undo overtakes the apply it has to follow",
    CloseBeforeRevert "the receipt is closed before the fault is undone",
    CloseTwice "a receipt is closed twice",
    SwallowFailedRevert "an undo that left a residue counts as done",
    RevertOnce "an undo that failed is not tried again",
    UndoneBeforeRevert "the engine is told that all is undone before it is",
    HideStuck "what could not be undone is not told",
    ForgetReceipt "the next agent leaves out one open receipt",
    WatchdogForgetsReceipt "the watchdog leaves out one open receipt",
    IgnoreBootId "a receipt of an earlier boot is undone in this one",
    TrustPidAlone "the undo looks at the pid and not at its start time",
    AcceptTornTail "a torn line stays, and the next one is written behind it",
    EmptyJournalWhileOpen "the journal is emptied although a receipt is open",
    TwoHoldJournal "an agent takes the journal that the watchdog still has",
    RenewAfterExpiry "a renewal that comes after the deadline is accepted",
    IgnoreCap "renewals move the lease past its cap",
    LeaseOnMonotonic "leases are counted on the clock that stops while the host sleeps",
    LeaseOnWallClock "leases are counted on the clock that anybody may set",
    WaitWithoutLook "a wait is not looked at again after the host slept",
    IgnoreDeadline "the agent does not end what has run out of time",
    IgnoreClientGone "what a client armed stays when the client is gone",
    IgnoreRadius "the agent does not count the targets of a run",
    ArmUnguarded "a fault is armed although no watchdog keeps guard",
    WatchdogNotReplaced "no watchdog is started in place of one that died",
    SpareHungAgent "the watchdog waits for an agent that hangs",
    WatchdogBesideAgent "the watchdog undoes while the agent it did not end goes on",
    WatchdogImpatient "the watchdog ends agents that do not hang",
    AbortWithoutRevert "an abort ends the run without undoing",
    ExitZero "a run that is not restored ends with another code than 5",
    HeldWithoutData "a silent source counts as one without errors",
    HeldWithoutBite "a fault that showed no effect counts as one that did",
    NoRenewals "the engine does not renew its leases",
    LoseRecordLine "a line of the record is lost without a word",
}
