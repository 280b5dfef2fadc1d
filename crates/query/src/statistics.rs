//! Owns sums, means, deviations and quantiles as Prometheus computes them.

/// A sum with Neumaier's correction: large values that cancel leave the small ones intact.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, v: f64) {
        let next = self.sum + v;
        self.lost = if next.is_infinite() {
            0.0
        } else if self.sum.abs() >= v.abs() {
            self.lost + ((self.sum - next) + v)
        } else {
            self.lost + ((v - next) + self.sum)
        };
        self.sum = next;
    }

    pub(crate) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }
}

/// Returns the sum.
pub(crate) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    values.for_each(|v| sum.add(v));
    sum.total()
}

/// Returns the mean, also where the sum would overflow.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let total = sum(values.iter().copied());
    if !total.is_infinite() || values.iter().any(|v| v.is_infinite()) {
        return total / count;
    }
    sum(values.iter().map(|v| v / count))
}

/// Returns the variance of the whole population; NaN where a value is infinite.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let (mut count, mut center, mut squares) = (0.0, Sum::default(), Sum::default());
    for &v in values {
        if !v.is_finite() {
            return f64::NAN;
        }
        count += 1.0;
        let before = v - center.total();
        center.add(before / count);
        squares.add(before * (v - center.total()));
    }
    squares.total() / count
}

/// Returns the quantile by linear interpolation between ranks; NaN sorts first.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|a, b| nan_first(*a, *b));
    let rank = q * (values.len() - 1) as f64;
    let below = rank.floor();
    let lower = (below as usize).min(values.len() - 1);
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - below;
    values[lower] * (1.0 - weight) + values[upper] * weight
}

/// Returns the larger of two as Go's `math.Max` does: an infinity that is larger than all others wins
/// even against NaN, which wins against the rest.
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a == 0.0 && b == 0.0 {
        a + b
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// Returns the smaller of two as Go's `math.Min` does.
pub(crate) fn smaller(a: f64, b: f64) -> f64 {
    -larger(-a, -b)
}

/// Orders numbers with NaN before all others.
pub(crate) fn nan_first(a: f64, b: f64) -> std::cmp::Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal),
        (a_nan, b_nan) => b_nan.cmp(&a_nan),
    }
}

/// Returns slope per second and value at `origin_ms` of the least squares line.
pub(crate) fn regression(samples: &[crate::series::Sample], origin_ms: i64) -> (f64, f64) {
    let first = samples[0].v;
    if samples.iter().all(|s| s.v == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let (mut x, mut y, mut xy, mut xx) =
        (Sum::default(), Sum::default(), Sum::default(), Sum::default());
    for sample in samples {
        let seconds = (sample.t_ms - origin_ms) as f64 / 1000.0;
        x.add(seconds);
        y.add(sample.v);
        xy.add(seconds * sample.v);
        xx.add(seconds * seconds);
    }
    let n = samples.len() as f64;
    let covariance = xy.total() - x.total() * y.total() / n;
    let spread = xx.total() - x.total() * x.total() / n;
    let slope = covariance / spread;
    (slope, y.total() / n - slope * x.total() / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_values_that_cancel_leave_the_small_ones() {
        assert_eq!(sum([1e100, 1.0, -1e100].into_iter()), 1.0);
        assert_eq!(mean(&[f64::MAX, f64::MAX]), f64::MAX);
        assert!(variance(&[1.0, f64::INFINITY]).is_nan());
        assert_eq!(variance(&[1.0, 3.0]), 1.0);
    }

    #[test]
    fn of_infinity_and_nan_the_one_that_go_takes_wins() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        assert_eq!((larger(nan, inf), larger(2.0, 3.0), larger(0.0, -0.0)), (inf, 3.0, 0.0));
        assert_eq!((smaller(nan, -inf), smaller(2.0, 3.0)), (-inf, 2.0));
        assert!(larger(nan, -inf).is_nan() && smaller(nan, inf).is_nan());
        assert!(larger(0.0, -0.0).is_sign_positive() && smaller(0.0, -0.0).is_sign_negative());
        assert!(larger(-0.0, -0.0).is_sign_negative() && smaller(0.0, 0.0).is_sign_positive());
    }

    #[test]
    fn a_quantile_lies_between_ranks() {
        assert_eq!(quantile(0.75, &mut [0.0, 1.0, 2.0]), 1.5);
        assert_eq!(quantile(2.0, &mut [0.0]), f64::INFINITY);
        assert!(quantile(0.5, &mut []).is_nan());
    }
}
