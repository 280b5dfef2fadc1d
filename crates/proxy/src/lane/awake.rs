//! Whether to stay awake for the next event. A thread that sleeps takes some 30 µs to be woken, on
//! a virtual machine more; where answers come back sooner than that, looking again at once saves
//! each of them the time. Others who want the processor get it first, and where events come
//! seldom nothing is spent on them.

use std::time::Duration;

/// How long is stayed awake at most.
pub(super) const AWAKE: Duration = Duration::from_micros(50);
/// What is known is forgotten after so many waits that went the other way.
const TRUST_MAX: u8 = 8;

/// What the last waits were like.
#[derive(Debug, Default)]
pub(super) struct Awake {
    trust: u8,
}

impl Awake {
    /// Whether the next event is expected within [`AWAKE`].
    pub(super) fn is_worth(&self) -> bool {
        self.trust > TRUST_MAX / 2
    }

    /// Learns how long an event was waited for, asleep or not.
    pub(super) fn waited(&mut self, time: Duration) {
        self.trust = if time < AWAKE {
            (self.trust + 1).min(TRUST_MAX)
        } else {
            // One that was missed costs more than one that was met saves.
            self.trust.saturating_sub(2)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_answers_are_waited_for_and_slow_ones_are_not() {
        let mut awake = Awake::default();
        assert!(!awake.is_worth());
        for _ in 0..5 {
            awake.waited(Duration::from_micros(20));
        }
        assert!(awake.is_worth());
        // A client that thinks for a millisecond between two requests.
        for _ in 0..20 {
            awake.waited(Duration::from_millis(1));
            awake.waited(Duration::from_micros(20));
        }
        assert!(!awake.is_worth());
    }
}
