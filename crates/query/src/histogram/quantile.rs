//! Owns quantiles, fractions, mean and deviation of one histogram.

use super::buckets::Bucket;
use super::model::Histogram;

impl Histogram {
    /// Returns a quantile: interpolated exponentially within an exponential bucket, linearly in
    /// the zero bucket and in listed ones.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        if q < 0.0 {
            return f64::NEG_INFINITY;
        }
        if q > 1.0 {
            return f64::INFINITY;
        }
        if self.count == 0.0 || q.is_nan() {
            return f64::NAN;
        }
        // Observations that are NaN are in no bucket: then only counting upwards is right.
        let upwards = self.sum.is_nan() || q < 0.5;
        let mut buckets = self.all_buckets();
        if !upwards {
            buckets.reverse();
        }
        let rank = if upwards { q } else { 1.0 - q } * self.count;
        let Some((bucket, count)) = ranked(&buckets, rank) else { return f64::NAN };
        let bucket = self.trimmed(bucket);
        if self.is_custom() && bucket.lower == f64::NEG_INFINITY {
            return bucket.upper;
        }
        if self.is_custom() && bucket.upper == f64::INFINITY {
            return bucket.lower;
        }
        let count = count.min(self.count);
        if count < rank {
            return if self.sum.is_nan() { f64::NAN } else { bucket.upper };
        }
        let rank = if upwards { rank - (count - bucket.count) } else { count - rank };
        self.between(bucket, rank / bucket.count)
    }

    /// Returns the share of observations between two values.
    pub(crate) fn fraction(&self, lower: f64, upper: f64) -> f64 {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return f64::NAN;
        }
        if lower >= upper {
            return 0.0;
        }
        let buckets = self.all_buckets();
        (self.below(upper, &buckets) - self.below(lower, &buckets)) / self.count
    }

    /// Returns the variance, each bucket's observations taken as in its middle.
    pub(crate) fn variance(&self) -> f64 {
        let mean = self.sum / self.count;
        let of = |bucket: &Bucket| {
            let middle = if self.is_custom() {
                f64::midpoint(bucket.lower, bucket.upper)
            } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
                0.0
            } else {
                let middle = (bucket.lower * bucket.upper).sqrt();
                if bucket.upper < 0.0 { -middle } else { middle }
            };
            bucket.count * (middle - mean) * (middle - mean)
        };
        self.all_buckets().iter().map(of).sum::<f64>() / self.count
    }

    /// A zero bucket without anything on one side is taken as reaching no further than zero, and
    /// so is the first listed bucket.
    fn trimmed(&self, mut bucket: Bucket) -> Bucket {
        if self.is_custom() {
            if bucket.lower == f64::NEG_INFINITY && bucket.upper > 0.0 {
                bucket.lower = 0.0;
            }
        } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
            match (self.negative.is_empty(), self.positive.is_empty()) {
                (true, false) => bucket.lower = 0.0,
                (false, true) => bucket.upper = 0.0,
                _ => {}
            }
        }
        bucket
    }

    fn is_linear(&self, bucket: Bucket) -> bool {
        self.is_custom() || (bucket.lower <= 0.0 && bucket.upper >= 0.0)
    }

    fn between(&self, bucket: Bucket, share: f64) -> f64 {
        let Bucket { lower, upper, .. } = bucket;
        if self.is_linear(bucket) {
            return lower + (upper - lower) * share;
        }
        let (low, high) = (lower.abs().log2(), upper.abs().log2());
        if lower > 0.0 {
            return (low + (high - low) * share).exp2();
        }
        -(high + (low - high) * (1.0 - share)).exp2()
    }

    /// Returns how many observations are below a value.
    fn below(&self, value: f64, buckets: &[Bucket]) -> f64 {
        let mut rank = 0.0;
        for bucket in buckets {
            let bucket = self.trimmed(*bucket);
            if value <= bucket.lower {
                return rank;
            }
            if value < bucket.upper {
                return rank + bucket.count * self.share_below(value, bucket);
            }
            rank += bucket.count;
        }
        // Observations that are NaN are in no bucket and below nothing.
        rank.min(self.count)
    }

    fn share_below(&self, value: f64, bucket: Bucket) -> f64 {
        let Bucket { lower, upper, .. } = bucket;
        if upper == f64::INFINITY {
            return 0.0;
        }
        if lower == f64::NEG_INFINITY {
            return 1.0;
        }
        if self.is_linear(bucket) {
            return (value - lower) / (upper - lower);
        }
        let (low, high, at) = (lower.abs().log2(), upper.abs().log2(), value.abs().log2());
        if value > 0.0 { (at - low) / (high - low) } else { 1.0 - (at - high) / (low - high) }
    }
}

/// Returns the bucket in which a rank is, and the count up to its end.
fn ranked(buckets: &[Bucket], rank: f64) -> Option<(Bucket, f64)> {
    let mut count = 0.0;
    for bucket in buckets.iter().filter(|bucket| bucket.count != 0.0) {
        count += bucket.count;
        if count >= rank {
            return Some((*bucket, count));
        }
    }
    buckets.last().map(|last| (*last, count))
}
