//! How late a thread notices that something has come, measured as it goes. A thread that sleeps is
//! woken late, and one that is busy looks late; a delay that counted from then on would be too long
//! by that, once for the message and once for what answers it.
//!
//! The kernel's timer tells how long waking takes: when it was meant to fire is known. What else
//! came while the thread slept is taken to have come as long before it woke.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// No correction is larger: what a sleeping processor needs to wake is less. A message may go
/// earlier than was asked by one for itself and one for the answer, where both were not needed.
pub(crate) const LATE_NS_MAX: u64 = 200_000;
/// A shorter sleep was none: something was there already.
const SLEEP_NS_MIN: u64 = 20_000;
/// Weight of the newest lateness in the running ones: one part in so many.
const PARTS: u64 = 8;

/// What one thread knows of itself, in nanoseconds of the boot clock.
#[derive(Debug, Default)]
pub(crate) struct Notice {
    /// When it woke before it fell asleep last.
    woke_before: AtomicU64,
    fell_asleep: AtomicU64,
    woke: AtomicU64,
    /// How long waking takes on the average, and how far it is from that.
    waking: AtomicU64,
    deviation: AtomicU64,
    /// How late what came was noticed on the average.
    noticing: AtomicU64,
}

impl Notice {
    /// The thread has nothing left to do.
    pub(crate) fn falls_asleep(&self, now: u64) {
        self.woke_before.store(self.woke.load(Relaxed), Relaxed);
        self.fell_asleep.store(now, Relaxed);
    }

    /// The thread goes on.
    pub(crate) fn wakes(&self, now: u64) {
        self.woke.store(now, Relaxed);
    }

    /// Learns from a timer that was meant to fire at a moment; nothing where the thread was awake.
    pub(crate) fn fired(&self, aimed: u64) {
        let woke = self.woke.load(Relaxed);
        if aimed > self.fell_asleep.load(Relaxed) && aimed <= woke {
            let took = (woke - aimed).min(LATE_NS_MAX);
            let mean = learn(&self.waking, took);
            learn(&self.deviation, took.abs_diff(mean));
        }
    }

    /// How much earlier a timer is to be set, so that waking is mostly over by its time.
    pub(crate) fn lead_ns(&self) -> u64 {
        (self.waking.load(Relaxed) + self.deviation.load(Relaxed)).min(LATE_NS_MAX)
    }

    /// The moment from which a message counts that is read now: when it came, earlier by what the
    /// answer to it will be late.
    pub(crate) fn counts_from(&self, now: u64) -> u64 {
        let came = self.came(now);
        let noticing = learn(&self.noticing, now - came);
        came.saturating_sub(noticing)
    }

    fn came(&self, now: u64) -> u64 {
        let (fell_asleep, woke) = (self.fell_asleep.load(Relaxed), self.woke.load(Relaxed));
        // In the middle of a long stretch of work there is nothing to go by.
        if woke < fell_asleep || now.saturating_sub(woke) > LATE_NS_MAX {
            return now;
        }
        let earlier = if woke - fell_asleep >= SLEEP_NS_MIN {
            // Before it fell asleep it would have been seen.
            self.waking.load(Relaxed).min(woke - fell_asleep)
        } else {
            // At any moment of the work before: on the average in its middle.
            let worked = fell_asleep.saturating_sub(self.woke_before.load(Relaxed));
            (worked / 2).min(LATE_NS_MAX)
        };
        woke.saturating_sub(earlier).clamp(now.saturating_sub(LATE_NS_MAX), now)
    }
}

/// Moves a running mean towards the newest value, and returns it.
fn learn(mean: &AtomicU64, newest: u64) -> u64 {
    // One thread writes: nothing is lost between the two.
    let next = (mean.load(Relaxed) * (PARTS - 1) + newest) / PARTS;
    mean.store(next, Relaxed);
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that needs 80 µs to wake, as its timers have shown.
    fn slow() -> Notice {
        let notice = Notice::default();
        for round in 1..200 {
            let aimed = round * 10_000_000;
            notice.falls_asleep(aimed - 5_000_000);
            notice.wakes(aimed + 80_000);
            notice.fired(aimed);
        }
        assert!((79_000..=80_000).contains(&notice.waking.load(Relaxed)), "{notice:?}");
        notice
    }

    #[test]
    fn what_came_to_a_sleeper_came_as_long_before_as_waking_takes() {
        let notice = slow();
        notice.falls_asleep(3_000_000_000);
        notice.wakes(3_001_000_000);
        let came = notice.came(3_001_010_000);
        assert!((3_000_919_000..3_000_922_000).contains(&came), "{came}");
        // Not before it fell asleep.
        notice.falls_asleep(3_001_950_000);
        notice.wakes(3_002_000_000);
        assert_eq!(notice.came(3_002_001_000), 3_001_950_000);
    }

    #[test]
    fn what_came_to_a_busy_thread_came_in_the_middle_of_its_work() {
        let notice = slow();
        notice.falls_asleep(3_000_000_000);
        notice.wakes(3_001_000_000);
        notice.falls_asleep(3_001_100_000);
        notice.wakes(3_001_101_000);
        assert_eq!(notice.came(3_001_105_000), 3_001_051_000);
        // Much later there is nothing to go by.
        assert_eq!(notice.came(3_002_000_000), 3_002_000_000);
    }

    #[test]
    fn a_timer_that_a_busy_thread_met_says_nothing_of_waking() {
        let notice = slow();
        let before = notice.lead_ns();
        notice.falls_asleep(4_000_000_000);
        notice.wakes(4_001_000_000);
        notice.fired(4_001_000_001);
        notice.fired(3_999_999_999);
        assert_eq!(notice.lead_ns(), before);
    }

    #[test]
    fn no_correction_is_larger_than_its_limit() {
        let notice = Notice::default();
        for round in 1..200 {
            let aimed = round * 100_000_000;
            notice.falls_asleep(aimed - 50_000_000);
            notice.wakes(aimed + 20_000_000);
            notice.fired(aimed);
            let now = aimed + 20_001_000;
            let from = notice.counts_from(now);
            assert!(now - from <= 2 * LATE_NS_MAX, "{}", now - from);
        }
        assert!(notice.lead_ns() <= LATE_NS_MAX);
    }
}
