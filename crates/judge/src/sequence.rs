//! Owns the confidence sequence for a share of bad events: valid at every look, not only at the
//! end, so a run may be watched and stopped at any time without spoiling it.
//!
//! It is the beta-binomial mixture: a share `p` stays in while
//! `B(a+K, b+N-K) / (B(a,b) p^K (1-p)^(N-K)) < 1/alpha`.

use crate::reading::Counts;
use crate::tail::bisect;
use statrs::function::beta::ln_beta;

/// Jeffreys' prior, for both parameters: it favors neither end.
const PRIOR: f64 = 0.5;

/// Returns the interval of shares that `bad` of `total` events leave possible, at `alpha`.
/// Nothing seen leaves everything possible.
pub fn interval(total: u64, bad: u64, alpha: f64) -> (f64, f64) {
    assert!(bad <= total, "counts are made sound before they are judged");
    assert!(alpha > 0.0 && alpha < 1.0, "alpha is a chance");
    bounds(total as f64, bad as f64, alpha)
}

/// Returns the interval where the number of bad events is only known from `least` to `most`.
pub fn interval_between(total: u64, least: u64, most: u64, alpha: f64) -> (f64, f64) {
    (interval(total, least, alpha).0, interval(total, most, alpha).1)
}

/// Returns the interval of counts whose events come in bursts: `design` of them are worth one
/// independent event.
pub fn interval_of_bursts(counts: Counts, design: f64, alpha: f64) -> (f64, f64) {
    let Counts { total, bad_least, bad_most } = counts.sound();
    if design <= 1.0 {
        return interval_between(total, bad_least, bad_most, alpha);
    }
    let (n, least, most) = (total as f64, bad_least as f64, bad_most as f64);
    (bounds(n / design, least / design, alpha).0, bounds(n / design, most / design, alpha).1)
}

/// Returns the most bad events among `total` that still prove a share of at most `allowed`.
pub fn bad_max_for_pass(total: u64, allowed: f64, alpha: f64) -> Option<u64> {
    let proves = |bad: u64| interval(total, bad, alpha).1 <= allowed;
    if !proves(0) {
        return None;
    }
    let (mut low, mut high) = (0, total);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if proves(middle) { low = middle } else { high = middle - 1 }
    }
    Some(low)
}

fn bounds(total: f64, bad: f64, alpha: f64) -> (f64, f64) {
    if total <= 0.0 {
        return (0.0, 1.0);
    }
    let outside = |p: f64| ln_ratio(total, bad, p) >= -alpha.ln();
    let seen = bad / total;
    let low = if bad == 0.0 { 0.0 } else { bisect(0.0, seen, outside) };
    let high = if bad >= total { 1.0 } else { bisect(seen, 1.0, |p| !outside(p)) };
    (low, high)
}

fn ln_ratio(total: f64, bad: f64, p: f64) -> f64 {
    let good = total - bad;
    let ln_likelihood = if bad == 0.0 { 0.0 } else { bad * p.ln() }
        + if good == 0.0 { 0.0 } else { good * (-p).ln_1p() };
    ln_beta(PRIOR + bad, PRIOR + good) - ln_beta(PRIOR, PRIOR) - ln_likelihood
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn thirty_thousand_orders_prove_half_a_thousandth_with_one_failure_at_most() {
        assert!(interval(30_000, 1, 0.01).1 <= 0.0005);
        let (low, high) = interval(30_000, 2, 0.01);
        assert!(low <= 0.0005 && high > 0.0005, "two failures leave it open");
        assert!(interval(30_000, 300, 0.01).0 > 0.0005);
        assert_eq!(bad_max_for_pass(30_000, 0.0005, 0.01), Some(1));
        assert_eq!(bad_max_for_pass(10_000, 0.0005, 0.01), None);
    }

    #[test]
    fn bursts_widen_the_interval() {
        let counts = Counts { total: 30_000, bad_least: 60, bad_most: 60 };
        let (low, high) = interval_of_bursts(counts, 1.0, 0.01);
        assert_eq!((low, high), interval(30_000, 60, 0.01));
        let bursty = interval_of_bursts(counts, 11.0, 0.01);
        assert!(bursty.0 < low && bursty.1 > high, "{bursty:?}");
    }

    #[test]
    fn nothing_seen_leaves_everything_possible() {
        assert_eq!(interval(0, 0, 0.01), (0.0, 1.0));
        assert_eq!(interval(7, 7, 0.01).1, 1.0);
        assert_eq!(interval(7, 0, 0.01).0, 0.0);
    }

    #[test]
    fn the_truth_is_inside_at_every_look_in_ninety_nine_runs_of_a_hundred() {
        let mut rng = StdRng::seed_from_u64(1);
        for share in [0.002, 0.05, 0.3] {
            let runs = 400;
            let missed = (0..runs).filter(|_| {
                let (mut total, mut bad, mut out) = (0, 0, false);
                for _ in 0..40 {
                    bad += (0..50).filter(|_| rng.random_bool(share)).count() as u64;
                    total += 50;
                    out |= ln_ratio(total as f64, bad as f64, share) >= 100f64.ln();
                }
                out
            });
            assert!(missed.count() <= 8, "1 % of {runs} runs is 4, and 8 is within its noise");
        }
    }

    proptest! {
        #[test]
        fn more_bad_events_move_both_ends_up(total in 1u64..5_000, a in 0u64..5_000, b in 0u64..5_000) {
            let (a, b) = (a.min(total), b.min(total));
            let (few, many) = (interval(total, a.min(b), 0.01), interval(total, a.max(b), 0.01));
            prop_assert!(few.0 <= many.0 + 1e-9 && few.1 <= many.1 + 1e-9);
            prop_assert!(few.0 <= a.min(b) as f64 / total as f64 + 1e-9);
        }

        #[test]
        fn the_most_for_a_pass_is_the_most(total in 1u64..40_000, allowed in 0.0005f64..0.2) {
            if let Some(most) = bad_max_for_pass(total, allowed, 0.01) {
                prop_assert!(interval(total, most, 0.01).1 <= allowed);
                prop_assert!(most == total || interval(total, most + 1, 0.01).1 > allowed);
            } else {
                prop_assert!(interval(total, 0, 0.01).1 > allowed);
            }
        }
    }

    #[test]
    fn an_uncertain_count_widens_to_both_sides() {
        let (low, high) = interval_between(1_000, 10, 30, 0.01);
        assert_eq!(low, interval(1_000, 10, 0.01).0);
        assert_eq!(high, interval(1_000, 30, 0.01).1);
        let _ = bad_max_for_pass(1_000, 0.05, 0.01).unwrap();
    }
}
