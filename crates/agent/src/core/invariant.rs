//! What must hold after every step, in release builds too.

use super::limits::{INJECTIONS_MAX, RADIUS_CAP};
use super::slot::Stage;
use super::state::Core;

impl Core {
    pub(super) fn assert_invariants(&self) {
        for held in self.held.values() {
            assert!(!held.may_act() || held.synced, "no effect without a receipt on disk");
            assert!(!held.synced || held.receipt.is_some(), "what is on disk is known");
            if held.stage == Stage::Armed {
                let lease = held.lease.expect("invariant: only a leased injection is armed");
                assert!(!lease.ended(self.now_ns), "nothing stays armed past its deadline");
                assert!(held.ending.is_none(), "an end that was decided is on its way");
            }
        }
        let fresh = self.held.values().filter(|held| held.lease.is_some()).count();
        assert!(fresh <= INJECTIONS_MAX, "injections are bounded");
        let mut runs: Vec<&str> = self.held.values().map(|held| held.run.as_str()).collect();
        runs.sort_unstable();
        runs.dedup();
        for run in runs {
            let fresh = self.held.values().filter(|h| h.run == run && h.lease.is_some());
            let holding = fresh.filter(|held| held.holds_target());
            let mut targets: Vec<_> = holding.map(|held| held.process).collect();
            targets.sort_unstable();
            targets.dedup();
            assert!(targets.len() <= RADIUS_CAP as usize, "the radius holds");
        }
        let waited = self.waiters.iter().flat_map(|waiter| &waiter.slots);
        for slot in waited {
            let stage = self.held.get(slot).map(|held| held.stage);
            let busy = matches!(stage, Some(Stage::Reverting | Stage::Waiting(_)));
            assert!(busy, "nobody waits for what is over");
        }
    }
}
