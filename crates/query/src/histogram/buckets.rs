//! Owns the bounds of buckets and the way over all of them.

use super::model::Histogram;

/// One bucket with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

/// Returns an exponential bucket's upper bound.
pub(super) fn bound(schema: i32, index: i32) -> f64 {
    if schema <= 0 {
        // Whole powers of two are exact.
        let exponent = i64::from(index) << (-schema).min(32);
        return 2_f64.powi(exponent.clamp(-1100, 1100) as i32);
    }
    let step = 2_f64.powi(-schema);
    let whole = index >> schema;
    let part = index - (whole << schema);
    (f64::from(part) * step).exp2() * 2_f64.powi(whole)
}

/// Returns the index of a bucket at a coarser schema.
pub(super) fn coarser(index: i32, from: i32, to: i32) -> i32 {
    ((index - 1) >> (from - to).clamp(0, 31)) + 1
}

impl Histogram {
    pub(super) fn positive_bucket(&self, (index, count): (i32, f64)) -> Bucket {
        if self.is_custom() {
            let at = |index: i32| usize::try_from(index).ok().and_then(|at| self.bounds.get(at));
            let lower = at(index - 1).copied().unwrap_or(f64::NEG_INFINITY);
            return Bucket { lower, upper: at(index).copied().unwrap_or(f64::INFINITY), count };
        }
        let (lower, upper) = (bound(self.schema, index - 1), bound(self.schema, index));
        Bucket { lower, upper, count }
    }

    pub(super) fn negative_bucket(&self, bucket: (i32, f64)) -> Bucket {
        let Bucket { lower, upper, count } = self.positive_bucket(bucket);
        Bucket { lower: -upper, upper: -lower, count }
    }

    /// Returns all buckets with observations, the lowest first.
    pub(crate) fn all_buckets(&self) -> Vec<Bucket> {
        let mut out = Vec::with_capacity(self.negative.len() + self.positive.len() + 1);
        out.extend(self.negative.iter().rev().map(|bucket| self.negative_bucket(*bucket)));
        if self.zero_count != 0.0 {
            let (lower, upper) = (-self.zero_threshold, self.zero_threshold);
            out.push(Bucket { lower, upper, count: self.zero_count });
        }
        out.extend(self.positive.iter().map(|bucket| self.positive_bucket(*bucket)));
        // Buckets next to the zero bucket may reach into it.
        if !self.is_custom() {
            for bucket in &mut out {
                if bucket.upper > self.zero_threshold && bucket.lower > 0.0 {
                    bucket.lower = bucket.lower.max(self.zero_threshold);
                }
                if bucket.lower < -self.zero_threshold && bucket.upper < 0.0 {
                    bucket.upper = bucket.upper.min(-self.zero_threshold);
                }
            }
        }
        out
    }

    /// Returns the same observations in coarser buckets.
    pub(super) fn at_schema(&self, schema: i32) -> Histogram {
        if self.is_custom() || schema >= self.schema {
            return self.clone();
        }
        let merged = |buckets: &[(i32, f64)]| {
            let mut out: Vec<(i32, f64)> = Vec::new();
            for (index, count) in buckets {
                add(&mut out, coarser(*index, self.schema, schema), *count);
            }
            out
        };
        let (positive, negative) = (merged(&self.positive), merged(&self.negative));
        Histogram { schema, positive, negative, ..self.clone() }
    }
}

/// Adds a count to a sorted list of buckets.
pub(super) fn add(buckets: &mut Vec<(i32, f64)>, index: i32, count: f64) {
    match buckets.binary_search_by_key(&index, |bucket| bucket.0) {
        Ok(at) => buckets[at].1 += count,
        Err(at) => buckets.insert(at, (index, count)),
    }
}

/// Returns the count of a bucket in a sorted list.
pub(super) fn count_of(buckets: &[(i32, f64)], index: i32) -> f64 {
    buckets.binary_search_by_key(&index, |bucket| bucket.0).map_or(0.0, |at| buckets[at].1)
}
