//! Owns the anytime-valid evidence that a share of bad events is above what is allowed.
//!
//! A bet against the service: `1 + lambda (k/n - m)` a sample, averaged over several stakes and
//! over every start time, because nobody knows when a fault begins to hurt. While the share is
//! at most `m` the expected wealth never grows, so it exceeds `1/alpha` with a chance of at most
//! alpha, at any time of stopping and under any dependence within a sample.

use crate::reading::Counts;

/// Stakes as shares of the largest one that cannot be ruined, `1/m`: small ones find small
/// faults, large ones find large faults at once.
const STAKES: [f64; 7] = [0.01, 0.03, 0.1, 0.2, 0.4, 0.7, 0.95];
/// Wealth is kept below this, so that a product over thousands of bad samples stays finite.
const WEALTH_MAX: f64 = 1e200;

/// The wealth of the bets so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    allowed: f64,
    planned: u64,
    seen: u64,
    wealth: [f64; STAKES.len()],
    highest: f64,
}

impl Evidence {
    /// Starts with nothing known. `planned` is how many samples are expected.
    pub fn new(allowed: f64, planned: u64) -> Evidence {
        // A bound of 0 allows no bad event at all; the smallest float keeps the stake finite.
        let allowed = allowed.clamp(1e-9, 1.0);
        Evidence { allowed, planned: planned.max(1), seen: 0, wealth: [0.0; 7], highest: 1.0 }
    }

    /// Takes one sample and returns the evidence so far: 1 is none, 100 is a chance of 1 %.
    pub fn sample(&mut self, counts: Counts) -> f64 {
        self.seen += 1;
        let start = if self.seen <= self.planned { 1.0 / self.planned as f64 } else { 0.0 };
        let share = if counts.total == 0 {
            self.allowed
        } else {
            counts.bad_least as f64 / counts.total as f64
        };
        for (wealth, stake) in self.wealth.iter_mut().zip(STAKES) {
            let factor = 1.0 + stake / self.allowed * (share - self.allowed);
            *wealth = ((*wealth + start) * factor).min(WEALTH_MAX);
        }
        let now = self.now();
        self.highest = self.highest.max(now);
        now
    }

    /// Returns the evidence so far.
    pub fn now(&self) -> f64 {
        let started = self.seen.min(self.planned) as f64 / self.planned as f64;
        self.wealth.iter().sum::<f64>() / STAKES.len() as f64 + (1.0 - started)
    }

    /// Returns the highest evidence so far; by the same law it is as good as the latest.
    pub fn highest(&self) -> f64 {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(total: u64, bad: u64) -> Counts {
        Counts { total, bad_least: bad, bad_most: bad }
    }

    #[test]
    fn nothing_and_empty_samples_are_no_evidence() {
        let mut evidence = Evidence::new(0.005, 120);
        assert_eq!(evidence.now(), 1.0);
        for _ in 0..10 {
            assert!((evidence.sample(counts(0, 0)) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_fifth_of_errors_is_seen_in_three_samples() {
        let mut evidence = Evidence::new(0.005, 120);
        for _ in 0..40 {
            evidence.sample(counts(500, 1));
        }
        let seen = [100, 100, 100].map(|bad| evidence.sample(counts(500, bad)));
        assert!(seen[1] < 100.0 && seen[2] >= 100.0, "{seen:?}");
    }

    #[test]
    fn wealth_stays_finite_and_the_highest_is_kept() {
        let mut evidence = Evidence::new(0.0, 10);
        for _ in 0..1_000 {
            evidence.sample(counts(10, 10));
        }
        assert!(evidence.now().is_finite());
        let highest = evidence.highest();
        for _ in 0..50 {
            evidence.sample(counts(10, 0));
        }
        assert_eq!(evidence.highest(), highest);
    }
}
