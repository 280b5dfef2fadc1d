//! Owns the estimate of how much bad events come in bursts.
//!
//! A service that is late now and then is late for many requests at once. Counted as if each
//! request were on its own, such a sample looks far rarer than it is, and a healthy run would be
//! aborted. The baseline shows how much it is so.

use crate::evidence::RHO_UNKNOWN;
use crate::reading::Counts;
use statrs::function::gamma::ln_gamma;
use std::collections::VecDeque;

/// Samples below which a spread says nothing.
const SAMPLES_MIN: u64 = 5;
/// Bad events below which a spread says nothing.
const BAD_MIN: u64 = 20;
/// Bad events below which a likelihood says nothing.
const BAD_LIKELY_MIN: u64 = 10;
/// The most correlation that is believed: beyond it a baseline is not steady, and a rule made
/// from it would find nothing any more.
const RHO_MAX: f64 = 0.1;
/// How many standard deviations above the expected a spread must be: 1 % of steady services.
const SURE: f64 = 2.33;

/// The smallest correlation that is told apart from none, and the step from one to the next.
const RHO_LEAST: f64 = 1e-4;
const STEP: f64 = 1.4;
/// How much less likely, in logarithms, a correlation may make the baseline than the likeliest
/// one does and still be possible: 1 % of the chi-square law of one degree of freedom, halved.
const POSSIBLE: f64 = 3.32;
/// The newest samples that are kept for it: an hour of one in 15 s.
const KEPT_MAX: usize = 240;

/// The spread of bad events over samples.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bursts {
    samples: u64,
    total: u64,
    bad: u64,
    squares: f64,
    newest: VecDeque<(u64, u64)>,
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
        if self.newest.len() >= KEPT_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back((counts.total, counts.bad_least));
    }

    /// The correlation of bad events within a sample; 0 where there is no reason to believe in
    /// one.
    pub fn rho(&self) -> f64 {
        let Some((spread, freedom)) = self.spread() else { return 0.0 };
        if spread <= freedom + SURE * (2.0 * freedom).sqrt() {
            return 0.0;
        }
        self.correlation(spread / freedom)
    }

    /// The correlation that it is at most, with little doubt; what is assumed where the data
    /// does not say. For rules whose promise would break if it were more.
    ///
    /// It is the largest correlation whose beta-binomial law does not make the baseline unlikely.
    /// The spread alone would not do: few bad events in rare bursts have a spread of luck.
    pub fn rho_most(&self) -> f64 {
        if self.samples < SAMPLES_MIN || self.bad < BAD_LIKELY_MIN || self.bad == self.total {
            return RHO_UNKNOWN;
        }
        let rhos: Vec<f64> = std::iter::successors(Some(RHO_LEAST), |rho| Some(rho * STEP))
            .take_while(|rho| *rho <= RHO_MAX * STEP)
            .collect();
        let likely: Vec<f64> = rhos.iter().map(|rho| self.ln_likelihood(*rho)).collect();
        let best = likely.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let possible = likely.iter().rposition(|ln| *ln >= best - POSSIBLE);
        possible.map_or(RHO_UNKNOWN, |at| rhos[at].min(RHO_MAX))
    }

    /// How likely the kept samples are at a correlation, up to a factor that all have.
    fn ln_likelihood(&self, rho: f64) -> f64 {
        let scale = (1.0 - rho) / rho;
        let share = self.bad as f64 / self.total as f64;
        let (a, b) = (share * scale, (1.0 - share) * scale);
        let none = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
        let one = |(total, bad): &(u64, u64)| {
            let (n, k) = (*total as f64, *bad as f64);
            none + ln_gamma(a + k) + ln_gamma(b + n - k) - ln_gamma(a + b + n)
        };
        self.newest.iter().map(one).sum()
    }

    /// The spread over samples in units of independent events' own, and its degrees of freedom.
    fn spread(&self) -> Option<(f64, f64)> {
        if self.samples < SAMPLES_MIN || self.bad < BAD_MIN || self.bad == self.total {
            return None;
        }
        let (bad, total) = (self.bad as f64, self.total as f64);
        let share = bad / total;
        let spread = (self.squares - bad * share) / (share * (1.0 - share));
        Some((spread, (self.samples - 1) as f64))
    }

    fn correlation(&self, design: f64) -> f64 {
        let per_sample = self.total as f64 / self.samples as f64;
        ((design - 1.0) / (per_sample - 1.0).max(1.0)).clamp(0.0, RHO_MAX)
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
    fn the_most_it_can_be_is_above_what_was_seen_and_assumed_where_nothing_was() {
        let of = |bad: &[u64]| {
            let mut bursts = Bursts::default();
            bad.iter().for_each(|k| bursts.add(Counts { total: 500, bad_least: *k, bad_most: *k }));
            bursts
        };
        let even = of(&[10, 12, 9, 11, 8, 10, 13, 9, 10, 11, 7, 12]);
        assert!(even.rho_most() < 0.01, "{}", even.rho_most());
        let bursty = of(&[0, 30, 0, 2, 0, 38, 0, 2, 5, 0, 0, 11]);
        assert!(bursty.rho_most() > bursty.rho());
        assert_eq!(of(&[0, 1, 0]).rho_most(), RHO_UNKNOWN);
        // Ten events in an hour, all in two bursts: their spread is not beyond luck.
        let mut rare = [0; 60];
        (rare[20], rare[41]) = (7, 4);
        assert!(of(&rare).rho_most() >= 0.02, "{}", of(&rare).rho_most());
    }

    #[test]
    fn little_data_says_nothing() {
        assert_eq!(rho(&[0, 40, 0]), 0.0);
        assert_eq!(rho(&[0, 4, 0, 0, 0, 0, 3, 0]), 0.0);
        assert_eq!(rho(&[500; 8]), 0.0);
        assert_eq!(Bursts::default().rho(), 0.0);
    }
}
