//! Owns exact tails of the binomial and the beta-binomial law.

use statrs::function::beta::{beta_reg, ln_beta};
use statrs::function::gamma::ln_gamma;

/// Correlation below which the beta-binomial is the binomial for any count we see.
const RHO_MIN: f64 = 1e-9;

/// Returns `P(Bin(n, p) >= k)`.
pub fn binomial(n: u64, p: f64, k: u64) -> f64 {
    if k == 0 || p >= 1.0 {
        return if k <= n { 1.0 } else { 0.0 };
    }
    if k > n || p <= 0.0 {
        return 0.0;
    }
    beta_reg(k as f64, (n - k + 1) as f64, p)
}

/// Returns `P(X >= k)` where X counts bad events among `n` whose mean share is `p` and whose
/// pairwise correlation is `rho` (bursts).
pub fn beta_binomial(n: u64, p: f64, k: u64, rho: f64) -> f64 {
    if rho < RHO_MIN || k == 0 || k > n || p <= 0.0 || p >= 1.0 {
        return binomial(n, p, k);
    }
    let scale = (1.0 - rho.min(0.999)) / rho.min(0.999);
    let (a, b) = (p * scale, (1.0 - p) * scale);
    // The shorter side is summed: fewer terms, and no cancellation where the tail is short.
    let tail = if k > n / 2 { sum(n, k, n + 1, (a, b)) } else { 1.0 - sum(n, 0, k, (a, b)) };
    tail.clamp(0.0, 1.0)
}

/// The mass of the counts `from..to`, each from the one before it.
fn sum(n: u64, from: u64, to: u64, (a, b): (f64, f64)) -> f64 {
    let (mut ln, mut sum) = (ln_mass(n, from, a, b), 0.0);
    for i in from..to {
        sum += ln.exp();
        let (n, i) = (n as f64, i as f64);
        ln += ((n - i) / (i + 1.0) * (a + i) / (n - i - 1.0 + b)).ln();
    }
    sum
}

/// Returns the central interval for a share of which `k` of `n` were seen, with `alpha` outside
/// (Clopper and Pearson). `k_most` may exceed `k` where the count is uncertain.
pub fn share_interval(n: u64, k: u64, k_most: u64, alpha: f64) -> (f64, f64) {
    assert!(k <= k_most && k_most <= n, "counts are made sound before they are judged");
    let half = alpha / 2.0;
    let low = if k == 0 { 0.0 } else { solve(|p| binomial(n, p, k) < half) };
    let high = if k_most == n { 1.0 } else { solve(|p| 1.0 - binomial(n, p, k_most + 1) > half) };
    (low, high)
}

/// Returns the least `k` with `P(X >= k) <= q`; `n + 1` where even `n` bad events are not rare.
pub fn least_rare(n: u64, p: f64, q: f64, rho: f64) -> u64 {
    let (mut low, mut high) = (0, n + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if beta_binomial(n, p, middle, rho) <= q { high = middle } else { low = middle + 1 }
    }
    low
}

fn ln_mass(n: u64, k: u64, a: f64, b: f64) -> f64 {
    let (n, k) = (n as f64, k as f64);
    let choose = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
    choose + ln_beta(k + a, n - k + b) - ln_beta(a, b)
}

/// Bisects for the point of `0..1` below which `is_below` holds.
pub(crate) fn solve(is_below: impl Fn(f64) -> bool) -> f64 {
    bisect(0.0, 1.0, is_below)
}

/// Bisects for the point of `low..high` below which `is_below` holds.
pub(crate) fn bisect(mut low: f64, mut high: f64, is_below: impl Fn(f64) -> bool) -> f64 {
    // 60 halvings leave 1e-18 of the range: less than a float can tell.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if is_below(middle) { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(n: u64, p: f64, k: u64) -> f64 {
        let mut mass = (1.0 - p).powi(n as i32);
        let mut below = 0.0;
        for i in 0..k {
            below += mass;
            mass *= (n - i) as f64 / (i + 1) as f64 * p / (1.0 - p);
        }
        1.0 - below
    }

    #[test]
    fn binomial_tails_agree_with_the_sum() {
        for (n, p, k) in [(10, 0.5, 3), (500, 0.0005, 3), (500, 0.05, 38), (50, 0.01, 0)] {
            assert!((binomial(n, p, k) - naive(n, p, k)).abs() < 1e-9, "{n} {p} {k}");
        }
        assert_eq!(binomial(5, 0.1, 6), 0.0);
        assert_eq!(binomial(5, 0.0, 1), 0.0);
        assert_eq!(binomial(5, 1.0, 5), 1.0);
    }

    #[test]
    fn bursts_make_many_bad_events_likelier() {
        let (n, p, k) = (500, 0.005, 12);
        assert!((beta_binomial(n, p, k, 1e-7) - binomial(n, p, k)).abs() < 1e-3);
        assert!(beta_binomial(n, p, k, 0.02) > 10.0 * binomial(n, p, k));
        assert!((beta_binomial(n, p, 400, 0.02)) < 1e-6);
    }

    #[test]
    fn the_interval_of_nothing_seen_starts_at_zero() {
        let (low, high) = share_interval(488, 44, 44, 0.01);
        assert!((0.059..0.061).contains(&low) && (0.126..0.130).contains(&high), "{low} {high}");
        assert_eq!(share_interval(10, 0, 0, 0.01).0, 0.0);
        assert_eq!(share_interval(10, 10, 10, 0.01).1, 1.0);
    }

    #[test]
    fn the_least_rare_count_is_the_first_that_is_rare() {
        assert_eq!(least_rare(500, 0.0005, 0.0129, 0.0), 3);
        assert_eq!(least_rare(1, 0.5, 0.01, 0.0), 2, "one event of one is not rare at one half");
    }
}
