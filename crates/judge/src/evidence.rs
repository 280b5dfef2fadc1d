//! Owns the anytime-valid evidence that a share of bad events is above what is allowed.
//!
//! Two bets against the service, each over every start time, because nobody knows when a fault
//! begins to hurt; half of the money is on each.
//!
//! - The likelihood ratio of "the share is q" to "the share is the allowed m", averaged over a
//!   grid of q. It finds a large fault with one sample. It takes events for independent, so its
//!   exponent is divided by the design effect `1 + (n - 1) rho` of bursts.
//! - `1 + lambda (k/n - m)` a sample, averaged over stakes: valid under any dependence within a
//!   sample, and slower.
//!
//! While the share is at most `m` the expected wealth never grows, so it exceeds `1/alpha` with
//! a chance of at most alpha, at any time of stopping (Ville's inequality).

use crate::reading::Counts;

/// Shares that are bet on, as multiples of the allowed one.
const MULTIPLES: [f64; 9] = [1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0];
/// No share above this is bet on: the ratio stays finite.
const SHARE_MAX: f64 = 0.9;
/// Stakes as shares of the largest one that cannot be ruined, `1/m`: small ones find small
/// faults, large ones find large faults at once.
const STAKES: [f64; 7] = [0.01, 0.03, 0.1, 0.2, 0.4, 0.7, 0.95];
/// Wealth is kept below this, so that a product over thousands of bad samples stays finite.
const WEALTH_MAX: f64 = 1e200;
/// The correlation within a sample that is assumed until a baseline shows less.
pub const RHO_UNKNOWN: f64 = 0.02;
/// The evidence from which nothing more is put on the target.
pub const PAUSE: f64 = 20.0;

/// The wealth of the bets so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    allowed: f64,
    planned: u64,
    rho: f64,
    seen: u64,
    ratios: [f64; MULTIPLES.len()],
    stakes: [f64; STAKES.len()],
    highest: f64,
}

impl Evidence {
    /// Starts with nothing known. `planned` is how many samples are expected.
    pub fn new(allowed: f64, planned: u64) -> Evidence {
        // A bound of 0 allows no bad event at all; the smallest float keeps the stake finite.
        let allowed = allowed.clamp(1e-9, 1.0);
        Evidence {
            allowed,
            planned: planned.max(1),
            rho: RHO_UNKNOWN,
            seen: 0,
            ratios: [0.0; MULTIPLES.len()],
            stakes: [0.0; STAKES.len()],
            highest: 1.0,
        }
    }

    /// Tells the correlation of bad events within a sample, at most, as an earlier window
    /// showed. 0 takes them for independent.
    #[must_use]
    pub fn with_rho(mut self, rho: f64) -> Evidence {
        self.rho = if rho.is_finite() { rho.clamp(0.0, 1.0) } else { RHO_UNKNOWN };
        self
    }

    /// Takes one sample and returns the evidence so far: 1 is none, 100 is a chance of 1 %.
    pub fn sample(&mut self, counts: Counts) -> f64 {
        self.seen += 1;
        let counts = counts.sound();
        let start = if self.seen <= self.planned { 1.0 / self.planned as f64 } else { 0.0 };
        let (m, n, k) = (self.allowed, counts.total as f64, counts.bad_least as f64);
        let design = 1.0 + (n - 1.0).max(0.0) * self.rho;
        for (wealth, multiple) in self.ratios.iter_mut().zip(MULTIPLES) {
            let q = (m * multiple).min(SHARE_MAX).max(m);
            let ln_good = if q > m { ((-q).ln_1p() - (-m).ln_1p()) * (n - k) } else { 0.0 };
            let ln_factor = (k * (q / m).ln() + ln_good) / design;
            // The exponential may overflow; the cap then holds.
            *wealth = ((*wealth + start) * ln_factor.exp()).min(WEALTH_MAX);
        }
        let share = if counts.total == 0 { m } else { k / n };
        for (wealth, stake) in self.stakes.iter_mut().zip(STAKES) {
            let factor = 1.0 + stake / m * (share - m);
            *wealth = ((*wealth + start) * factor).min(WEALTH_MAX);
        }
        let now = self.now();
        self.highest = self.highest.max(now);
        now
    }

    /// Returns the evidence so far.
    pub fn now(&self) -> f64 {
        let mean = |wealth: &[f64]| wealth.iter().sum::<f64>() / wealth.len() as f64;
        0.5 * (mean(&self.ratios) + mean(&self.stakes)) + self.not_started()
    }

    /// Returns the evidence of the second bet alone: valid whatever the bursts are.
    pub fn robust(&self) -> f64 {
        self.stakes.iter().sum::<f64>() / STAKES.len() as f64 + self.not_started()
    }

    /// Returns the highest evidence so far; by the same law it is as good as the latest.
    pub fn highest(&self) -> f64 {
        self.highest
    }

    /// The money that waits for later starts.
    fn not_started(&self) -> f64 {
        1.0 - self.seen.min(self.planned) as f64 / self.planned as f64
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
    fn a_fifth_of_errors_is_seen_in_one_sample() {
        for (total, rho) in [(50, 0.0), (50, 0.02), (500, 0.0), (500, 0.02)] {
            let mut evidence = Evidence::new(0.005, 120).with_rho(rho);
            for _ in 0..40 {
                evidence.sample(counts(total, total / 500));
            }
            let now = evidence.sample(counts(total, total / 5));
            assert!(now >= 100.0, "{total} requests, rho {rho}: E {now}");
        }
    }

    #[test]
    fn the_robust_bet_alone_needs_two_or_three() {
        let mut evidence = Evidence::new(0.005, 120);
        let seen = [100, 100, 100].map(|bad| {
            evidence.sample(counts(500, bad));
            evidence.robust()
        });
        assert!(seen[0] < 100.0 && seen[2] >= 100.0, "{seen:?}");
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
