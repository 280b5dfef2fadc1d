//! Owns the comparison of disturbed instances with untouched ones at the same time.
//!
//! Where nothing differs, each bad event is a disturbed instance's with the chance of its share
//! of the traffic. Load, time of day and everything else that hits both arms alike drops out.
//! Needs two integers an arm.

use crate::reading::Counts;
use crate::sequence::interval_between;

/// How many times as bad the disturbed arm may be, of those that are bet on.
const RATIOS: [f64; 7] = [1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0];
/// Wealth is kept below this.
const WEALTH_MAX: f64 = 1e200;

/// Both arms in one sample or one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arms {
    /// The disturbed instances.
    pub disturbed: Counts,
    /// The untouched ones.
    pub untouched: Counts,
}

/// The evidence that the disturbed arm is worse than the untouched one.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    planned: u64,
    rho: f64,
    seen: u64,
    wealth: [f64; RATIOS.len()],
    highest: f64,
    sum: Arms,
}

/// The difference between the arms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Share of bad events of the disturbed arm minus that of the untouched one.
    pub value: f64,
    /// The lower end of its interval, at any time of looking.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Control {
    /// Starts with nothing known.
    pub fn new(planned: u64, rho: f64) -> Control {
        Control {
            planned: planned.max(1),
            rho,
            seen: 0,
            wealth: [0.0; RATIOS.len()],
            highest: 1.0,
            sum: Arms::default(),
        }
    }

    /// Takes one sample and returns the evidence so far.
    pub fn sample(&mut self, arms: Arms) -> f64 {
        self.seen += 1;
        let (disturbed, untouched) = (arms.disturbed.sound(), arms.untouched.sound());
        self.sum.disturbed = self.sum.disturbed.plus(disturbed);
        self.sum.untouched = self.sum.untouched.plus(untouched);
        let start = if self.seen <= self.planned { 1.0 / self.planned as f64 } else { 0.0 };
        let (n, of) = (disturbed.total as f64, untouched.total as f64);
        // What surely was bad speaks against the fault; what may have been bad, for the others.
        let (bad, elsewhere) = (disturbed.bad_least as f64, untouched.bad_most as f64);
        // A burst that hits both arms drops out; what is left is inside an arm.
        let design = 1.0 + (n.max(of) - 1.0).max(0.0) * self.rho;
        for (wealth, ratio) in self.wealth.iter_mut().zip(RATIOS) {
            let mut ln_factor = 0.0;
            if n > 0.0 && of > 0.0 {
                let (theta, under) = (n / (n + of), ratio * n / (ratio * n + of));
                ln_factor =
                    bad * (under / theta).ln() + elsewhere * ((1.0 - under) / (1.0 - theta)).ln();
            }
            *wealth = ((*wealth + start) * (ln_factor / design).exp()).min(WEALTH_MAX);
        }
        self.highest = self.highest.max(self.now());
        self.now()
    }

    /// Returns the evidence so far: 1 is none, 100 is a chance of 1 %.
    pub fn now(&self) -> f64 {
        let started = self.seen.min(self.planned) as f64 / self.planned as f64;
        self.wealth.iter().sum::<f64>() / RATIOS.len() as f64 + (1.0 - started)
    }

    /// Returns the events of both arms so far.
    pub fn arms(&self) -> Arms {
        self.sum
    }

    /// Returns the highest evidence so far.
    pub fn highest(&self) -> f64 {
        self.highest
    }

    /// Returns the difference between the arms over all samples, with an interval that holds at
    /// any time of looking. None where an arm had no events.
    pub fn difference(&self, alpha: f64) -> Option<Difference> {
        let Arms { disturbed, untouched } = self.sum;
        if disturbed.total == 0 || untouched.total == 0 {
            return None;
        }
        let share = |c: Counts| c.bad_least as f64 / c.total as f64;
        // Each arm's sequence may err with half of the chance.
        let of = |c: Counts| interval_between(c.total, c.bad_least, c.bad_most, alpha / 2.0);
        let (mine, theirs) = (of(disturbed), of(untouched));
        Some(Difference {
            value: share(disturbed) - share(untouched),
            low: mine.0 - theirs.1,
            high: mine.1 - theirs.0,
        })
    }
}

/// The difference in differences of two arms over two windows: what changed in the disturbed arm
/// and not in the untouched one. `low..high` at the normal law's `level` deviations.
pub fn difference_in_differences(
    before: Arms,
    during: Arms,
    deviations: f64,
) -> Option<Difference> {
    let parts = [during.disturbed, before.disturbed, during.untouched, before.untouched];
    if parts.iter().any(|c| c.total == 0) {
        return None;
    }
    let share = |c: Counts| c.bad_least as f64 / c.total as f64;
    let value = share(parts[0]) - share(parts[1]) - share(parts[2]) + share(parts[3]);
    // One event more each way keeps a share of nothing from looking certain.
    let variance = |c: Counts| {
        let p = (c.bad_least as f64 + 1.0) / (c.total as f64 + 2.0);
        p * (1.0 - p) / c.total as f64
    };
    let reach = deviations * parts.map(variance).iter().sum::<f64>().sqrt();
    Some(Difference { value, low: value - reach, high: value + reach })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn counts(total: u64, bad: u64) -> Counts {
        Counts { total, bad_least: bad, bad_most: bad }
    }

    fn arms(disturbed: (u64, u64), untouched: (u64, u64)) -> Arms {
        Arms {
            disturbed: counts(disturbed.0, disturbed.1),
            untouched: counts(untouched.0, untouched.1),
        }
    }

    #[test]
    fn what_hits_both_arms_is_no_evidence_and_what_hits_one_is() {
        let mut control = Control::new(60, 0.0);
        for _ in 0..30 {
            control.sample(arms((100, 20), (300, 60)));
        }
        assert!(control.highest() < 5.0, "a bad day for all: {}", control.highest());
        let mut control = Control::new(60, 0.0);
        control.sample(arms((100, 20), (300, 1)));
        assert!(control.now() > 1e4);
        let difference = control.difference(0.01).unwrap();
        assert!(difference.low > 0.0 && difference.value > 0.19, "{difference:?}");
    }

    #[test]
    fn equal_arms_reach_a_hundred_in_one_run_of_a_hundred_at_most() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut reached = 0;
        for _ in 0..400 {
            let mut control = Control::new(60, 0.0);
            for t in 0..60 {
                // The share moves, for both alike.
                let share = 0.02 + 0.015 * f64::from(t % 20) / 20.0;
                let mut draw =
                    |n: u64| counts(n, (0..n).filter(|_| rng.random_bool(share)).count() as u64);
                control.sample(Arms { disturbed: draw(40), untouched: draw(80) });
            }
            reached += u32::from(control.highest() >= 100.0);
        }
        assert!(reached <= 8, "{reached} of 400; 4 are allowed, and their noise");
    }

    #[test]
    fn an_arm_without_events_compares_to_nothing() {
        let mut control = Control::new(60, 0.0);
        control.sample(arms((100, 50), (0, 0)));
        assert!((control.now() - 1.0).abs() < 1e-9);
        assert_eq!(control.difference(0.01), None);
        assert_eq!(difference_in_differences(Arms::default(), Arms::default(), 2.0), None);
    }

    #[test]
    fn a_drift_of_both_arms_drops_out() {
        let before = arms((1_000, 10), (3_000, 30));
        let during = arms((1_000, 130), (3_000, 90));
        let difference = difference_in_differences(before, during, 2.58).unwrap();
        assert!((difference.value - 0.1).abs() < 1e-9);
        assert!(difference.low > 0.05 && difference.high < 0.15, "{difference:?}");
    }
}
