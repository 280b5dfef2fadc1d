//! Owns the rule "so many anomalous samples in a row", calibrated so that a healthy service is
//! aborted with a known small chance, or taken literally where a person asks for it.
//!
//! A run of `c` in a row can end at each of T samples, so by the union bound the chance of a
//! false one is at most `T q^c` where `q` bounds the chance of one anomalous sample. Hence
//! `q = (alpha / T)^(1/c)`, shared among the indicators, since any of them makes a sample
//! anomalous.

use crate::reading::{Counts, Indicator, Rule};
use crate::tail::{beta_binomial, least_rare};

/// Returns the chance with which one indicator may make a healthy sample anomalous.
pub fn sample_chance(rule: &Rule, indicators: usize) -> f64 {
    let runs = rule.samples.max(1) as f64;
    let chance = (rule.alpha / runs).powf(1.0 / f64::from(rule.consecutive.max(1)));
    (chance / indicators.max(1) as f64).min(0.5)
}

/// Tells whether events are too bad for a service whose share of bad ones is `allowed`.
pub fn anomalous_counts(rule: &Rule, indicators: usize, allowed: f64, counts: Counts) -> bool {
    let chance = sample_chance(rule, indicators);
    beta_binomial(counts.total, allowed, counts.bad_least, rule.rho) <= chance
}

/// Tells whether a number is outside its bound, taken literally.
pub fn anomalous_value(indicator: &Indicator, value: f64) -> bool {
    !indicator.inside(value)
}

/// Returns how many bad events make a sample of `total` anomalous, where any number does.
pub fn bad_needed(rule: &Rule, indicators: usize, allowed: f64, total: u64) -> Option<u64> {
    let needed = if rule.literal {
        // The first count whose share is above what is allowed.
        (allowed * total as f64).floor() as u64 + 1
    } else {
        least_rare(total, allowed, sample_chance(rule, indicators), rule.rho)
    };
    (needed <= total).then_some(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(consecutive: u32, samples: u64) -> Rule {
        Rule { consecutive, literal: false, alpha: 0.01, evidence_aborts: false, samples, rho: 0.0 }
    }

    #[test]
    fn two_in_a_row_over_120_samples_is_the_published_chance() {
        assert!((sample_chance(&rule(2, 120), 1) - 0.0091).abs() < 0.0001);
        assert!((sample_chance(&rule(2, 120), 2) - 0.0046).abs() < 0.0001);
        assert!((sample_chance(&rule(1, 120), 1) - 0.01 / 120.0).abs() < 1e-12);
    }

    #[test]
    fn a_strike_needs_this_many_bad_orders() {
        let rule = rule(2, 60);
        assert_eq!(bad_needed(&rule, 2, 0.0005, 500), Some(3));
        assert_eq!(bad_needed(&rule, 2, 0.05, 500), Some(39));
        assert_eq!(bad_needed(&rule, 1, 0.5, 1), None, "one request can never be rare");
        assert_eq!(bad_needed(&Rule { literal: true, ..rule }, 1, 0.01, 500), Some(6));
    }

    #[test]
    fn only_what_surely_was_bad_counts_against_a_service() {
        let counts = Counts { total: 500, bad_least: 2, bad_most: 400 };
        assert!(!anomalous_counts(&rule(2, 60), 1, 0.0005, counts));
        let counts = Counts { bad_least: 3, ..counts };
        assert!(anomalous_counts(&rule(2, 60), 1, 0.0005, counts));
    }
}
