//! What must be true after every step, in release builds too: a defect here is better seen
//! than survived.

use super::slot::Stage;
use super::state::Core;
use squall_judge::verdict::Before;
use squall_wire::record::Phase;

impl Core {
    pub(super) fn assert_invariants(&self) {
        let acting = self.acting();
        match self.phase {
            Phase::Baseline => {
                assert_eq!(acting, 0, "nothing is touched before the baseline is over");
            }
            Phase::Injecting => {
                assert_eq!(self.before, Before::Met, "nothing is touched unless normal was seen");
            }
            Phase::Holding => {
                let step = self.step;
                let armed = |slot: &&super::slot::Slot| slot.step == step;
                assert!(
                    self.slots.iter().filter(armed).all(|slot| slot.stage == Stage::Armed),
                    "holding means that every fault of the step is in place"
                );
            }
            Phase::Draining => {
                assert_eq!(acting, 0, "the traffic rests only where nothing is in place");
            }
            Phase::Reverting => {}
            Phase::Recovering | Phase::Judging | Phase::Done => {
                assert_eq!(acting, 0, "nothing acts after the revert, or it was given up aloud");
            }
        }
        assert!(
            self.flows || self.phase == Phase::Draining,
            "the traffic flows again before anything else goes on"
        );
        let later = |slot: &&super::slot::Slot| slot.step > self.step;
        assert!(
            self.slots.iter().filter(later).all(|slot| slot.stage == Stage::Planned),
            "later steps wait for their turn"
        );
        let radius = usize::try_from(self.script.radius_max).unwrap_or(usize::MAX);
        assert!(self.targets_acting() <= radius, "the radius is never exceeded");
        let waits = self.phase == Phase::Done || self.next_wakeup_us().is_some();
        assert!(waits || !self.calls.is_empty(), "a run always has something to wait for");
    }
}
