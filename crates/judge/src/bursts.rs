//! Owns the estimate of how much bad events come in bursts.
//!
//! A service that is late now and then is late for many requests at once. Counted as if each
//! request were on its own, such a sample looks far rarer than it is, and a healthy run would be
//! aborted. The baseline shows how much it is so.

use crate::reading::Counts;

/// Samples below which a spread says nothing.
const SAMPLES_MIN: u64 = 5;
/// Bad events below which a spread says nothing.
const BAD_MIN: u64 = 20;
/// The most correlation that is believed: beyond it a baseline is not steady, and a rule made
/// from it would find nothing any more.
const RHO_MAX: f64 = 0.1;
/// How many standard deviations above the expected a spread must be: 1 % of steady services.
const SURE: f64 = 2.33;

/// The spread of bad events over samples.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bursts {
    samples: u64,
    total: u64,
    bad: u64,
    squares: f64,
}

impl Bursts {
    /// Adds one sample.
    pub fn add(&mut self, counts: Counts) {
        if counts.total == 0 {
            return;
        }
        self.samples += 1;
        self.total += counts.total;
        self.bad += counts.bad_least;
        self.squares += (counts.bad_least as f64).powi(2) / counts.total as f64;
    }

    /// The correlation of bad events within a sample; 0 where there is no reason to believe in
    /// one.
    pub fn rho(&self) -> f64 {
        if self.samples < SAMPLES_MIN || self.bad < BAD_MIN || self.bad == self.total {
            return 0.0;
        }
        let (bad, total) = (self.bad as f64, self.total as f64);
        let share = bad / total;
        let freedom = (self.samples - 1) as f64;
        let spread = (self.squares - bad * share) / (share * (1.0 - share));
        if spread <= freedom + SURE * (2.0 * freedom).sqrt() {
            return 0.0;
        }
        let per_sample = total / self.samples as f64;
        ((spread / freedom - 1.0) / (per_sample - 1.0).max(1.0)).clamp(0.0, RHO_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rho(bad: &[u64]) -> f64 {
        let mut bursts = Bursts::default();
        bad.iter().for_each(|k| bursts.add(Counts { total: 500, bad_least: *k, bad_most: *k }));
        bursts.rho()
    }

    #[test]
    fn even_samples_have_no_bursts_and_uneven_ones_have() {
        assert_eq!(rho(&[10, 12, 9, 11, 8, 10, 13, 9]), 0.0);
        let found = rho(&[0, 40, 0, 0, 0, 38, 0, 2]);
        assert!((0.02..=0.1).contains(&found), "{found}");
    }

    #[test]
    fn little_data_says_nothing() {
        assert_eq!(rho(&[0, 40, 0]), 0.0);
        assert_eq!(rho(&[0, 4, 0, 0, 0, 0, 3, 0]), 0.0);
        assert_eq!(rho(&[500; 8]), 0.0);
        assert_eq!(Bursts::default().rho(), 0.0);
    }
}
