//! Owns sums, differences and multiples of histograms.

use super::buckets::{Bucket, add};
use super::model::{Hint, Histogram};
use crate::statistics;

impl Histogram {
    /// Returns the sum of two, or `None` where one has listed bounds and the other has not.
    pub fn plus(&self, other: &Histogram) -> Option<Histogram> {
        let hint = together(self.hint, other.hint);
        Some(Histogram { hint, ..self.combined(other, 1.0)? })
    }

    /// Returns the difference of two, or `None` where one has listed bounds and the other has not.
    pub fn minus(&self, other: &Histogram) -> Option<Histogram> {
        Some(Histogram { hint: Hint::Gauge, ..self.combined(other, -1.0)? })
    }

    /// Returns a multiple.
    #[must_use]
    pub fn times(&self, factor: f64) -> Histogram {
        let hint = if factor < 0.0 { Hint::Gauge } else { self.hint };
        Histogram { hint, ..self.each(|count| count * factor) }.compact()
    }

    /// Returns a fraction; divided by zero it has no buckets.
    #[must_use]
    pub fn over(&self, divisor: f64) -> Histogram {
        let hint = if divisor < 0.0 { Hint::Gauge } else { self.hint };
        let mut out = Histogram { hint, ..self.each(|count| count / divisor) };
        if divisor == 0.0 {
            (out.positive, out.negative) = (Vec::new(), Vec::new());
        }
        out.compact()
    }

    fn each(&self, f: impl Fn(f64) -> f64) -> Histogram {
        let buckets =
            |list: &[(i32, f64)]| list.iter().map(|(index, count)| (*index, f(*count))).collect();
        Histogram {
            zero_count: f(self.zero_count),
            count: f(self.count),
            sum: f(self.sum),
            positive: buckets(&self.positive),
            negative: buckets(&self.negative),
            ..self.clone()
        }
    }

    fn combined(&self, other: &Histogram, sign: f64) -> Option<Histogram> {
        let (mut out, mut other) = self.alike(other)?;
        for (index, count) in other.positive.drain(..) {
            add(&mut out.positive, index, sign * count);
        }
        for (index, count) in other.negative.drain(..) {
            add(&mut out.negative, index, sign * count);
        }
        out.zero_count += sign * other.zero_count;
        out.count += sign * other.count;
        out.sum += sign * other.sum;
        Some(out.compact())
    }

    /// Returns both with the same buckets.
    pub(super) fn alike(&self, other: &Histogram) -> Option<(Histogram, Histogram)> {
        if self.is_custom() != other.is_custom() {
            return None;
        }
        if self.is_custom() {
            let shared: Vec<f64> =
                self.bounds.iter().copied().filter(|bound| other.bounds.contains(bound)).collect();
            return Some((self.with_bounds(&shared), other.with_bounds(&shared)));
        }
        let schema = self.schema.min(other.schema);
        let (mut a, mut b) = (self.at_schema(schema), other.at_schema(schema));
        // Widening one zero bucket may end inside a bucket, which widens it further.
        while a.zero_threshold != b.zero_threshold {
            if a.zero_threshold > b.zero_threshold {
                b.widen_zero(a.zero_threshold);
            } else {
                a.widen_zero(b.zero_threshold);
            }
        }
        Some((a, b))
    }

    /// Returns the same observations in fewer listed buckets; `bounds` are some of its own.
    fn with_bounds(&self, bounds: &[f64]) -> Histogram {
        if self.bounds == bounds {
            return self.clone();
        }
        let mut positive = Vec::new();
        for bucket in &self.positive {
            let upper = self.positive_bucket(*bucket).upper;
            let index = bounds.partition_point(|bound| *bound < upper);
            add(&mut positive, index as i32, bucket.1);
        }
        Histogram { positive, bounds: bounds.to_vec(), ..self.clone() }
    }

    /// Widens the zero bucket at least to a threshold and takes in the buckets that it covers.
    pub(super) fn widen_zero(&mut self, threshold: f64) {
        let (count, threshold) = self.zero_for(threshold);
        let inside = |bucket: Bucket| bucket.lower.abs().min(bucket.upper.abs()) < threshold;
        let positive = self.positive.iter().filter(|b| !inside(self.positive_bucket(**b)));
        let negative = self.negative.iter().filter(|b| !inside(self.negative_bucket(**b)));
        let (positive, negative) = (positive.copied().collect(), negative.copied().collect());
        (self.positive, self.negative) = (positive, negative);
        (self.zero_count, self.zero_threshold) = (count, threshold);
    }

    /// Returns the zero bucket's count and threshold where it is at least so wide.
    pub(super) fn zero_for(&self, mut threshold: f64) -> (f64, f64) {
        if threshold == self.zero_threshold {
            return (self.zero_count, threshold);
        }
        loop {
            let mut count = self.zero_count;
            let positive = self.positive.iter().map(|bucket| self.positive_bucket(*bucket));
            for bucket in positive {
                if bucket.lower >= threshold {
                    break;
                }
                count += bucket.count;
                if bucket.upper > threshold && bucket.count != 0.0 {
                    threshold = bucket.upper;
                }
            }
            let negative = self.negative.iter().map(|bucket| self.negative_bucket(*bucket));
            let mut again = false;
            for bucket in negative {
                if bucket.upper <= -threshold {
                    break;
                }
                count += bucket.count;
                if bucket.lower < -threshold && bucket.count != 0.0 {
                    (threshold, again) = (-bucket.lower, true);
                    break;
                }
            }
            if !again {
                return (count, threshold);
            }
        }
    }
}

/// Returns the sum of several; `None` of none, and where they are of different kinds.
pub(crate) fn sum(all: &[&Histogram]) -> Option<Histogram> {
    let (first, others) = all.split_first()?;
    let sum = others.iter().try_fold(Histogram::clone(first), |sum, next| sum.plus(next))?;
    // Sums of observations may cancel each other; counts do not.
    Some(Histogram { sum: statistics::sum(all.iter().map(|h| h.sum)), ..sum })
}

/// Returns the mean of several; `None` of none, and where they are of different kinds.
pub(crate) fn mean(all: &[&Histogram]) -> Option<Histogram> {
    let sum = sum(all)?.over(all.len() as f64);
    let mean = |of: fn(&Histogram) -> f64| {
        statistics::mean(&all.iter().map(|h| of(h)).collect::<Vec<f64>>())
    };
    Some(Histogram { count: mean(|h| h.count), sum: mean(|h| h.sum), ..sum })
}

/// Returns what is known of a sum's reset.
fn together(a: Hint, b: Hint) -> Hint {
    match (a, b) {
        (a, b) if a == b => a,
        (Hint::Gauge, _) | (_, Hint::Gauge) => Hint::Gauge,
        _ => Hint::Unknown,
    }
}
