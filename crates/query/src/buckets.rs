//! Owns classic histograms: buckets from series, quantiles and fractions by interpolation.

use std::collections::BTreeMap;

use crate::eval::EvalError;
use crate::histogram::Histogram;
use crate::labels::{BUCKET_BOUND, Labels};
use crate::value::{Datum, Element, Value};

/// Buckets that differ by less than this share are taken as equal; sums of floats are not exact.
const EQUAL_SHARE: f64 = 1e-12;

/// A bucket: its upper bound and the observations at or below it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

/// Groups a vector of buckets into histograms and reduces each to one value; native histograms are
/// reduced as they are. Of a series that has both nothing is said.
pub(crate) fn each(
    elements: Vec<Element>,
    f: impl Fn(&mut Vec<Bucket>) -> f64,
    of_native: impl Fn(&Histogram) -> f64,
) -> Result<Value, EvalError> {
    let mut histograms = BTreeMap::<Labels, (Vec<Bucket>, bool)>::new();
    let mut native = BTreeMap::<Labels, f64>::new();
    for Element { labels, v, histogram, .. } in elements {
        if let Some(histogram) = histogram {
            native.insert(labels, of_native(&histogram));
            continue;
        }
        let Some(upper) = bound(labels.get(BUCKET_BOUND)) else { continue };
        let of = labels.without(&[BUCKET_BOUND]);
        let (buckets, _) = histograms.entry(of).or_insert_with(|| (Vec::new(), true));
        buckets.push(Bucket { upper, count: v });
    }
    let both = |labels: &Labels| native.contains_key(labels) && histograms.contains_key(labels);
    let twice: Vec<Labels> = native.keys().filter(|labels| both(labels)).cloned().collect();
    let mut out = Vec::with_capacity(histograms.len() + native.len());
    for (labels, (mut buckets, drop_name)) in histograms {
        if !twice.contains(&labels) {
            out.push(Element::of(labels, Datum::Float(f(&mut buckets)), drop_name));
        }
    }
    let native = native.into_iter().filter(|(labels, _)| !twice.contains(labels));
    out.extend(native.map(|(labels, v)| Element::of(labels, Datum::Float(v), true)));
    Ok(Value::Vector(out))
}

/// Reads a bucket's bound as Go does.
fn bound(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "+inf" | "inf" | "+infinity" | "infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}

/// Prints a number as OpenMetrics prints it in a label: whole ones keep a `.0`.
pub(crate) fn shown_bound(v: f64) -> String {
    if v.is_nan() {
        "NaN".into()
    } else if v.is_infinite() {
        if v > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        format!("{v:?}")
    }
}

/// Returns a quantile, interpolated linearly within its bucket.
pub(crate) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let Some(observations) = prepare(buckets) else { return f64::NAN };
    if buckets.len() < 2 || observations == 0.0 || observations.is_nan() {
        return f64::NAN;
    }
    let rank = q * observations;
    let last = buckets.len() - 1;
    let at = buckets[..last].partition_point(|bucket| bucket.count < rank);
    if at == last {
        return buckets[last - 1].upper;
    }
    if at == 0 && buckets[0].upper <= 0.0 {
        return buckets[0].upper;
    }
    let (start, below) = match at {
        0 => (0.0, 0.0),
        _ => (buckets[at - 1].upper, buckets[at - 1].count),
    };
    let inside = buckets[at].count - below;
    start + (buckets[at].upper - start) * ((rank - below) / inside)
}

/// Returns the share of observations between two values.
pub(crate) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    let Some(observations) = prepare(buckets) else { return f64::NAN };
    if observations == 0.0 || observations.is_nan() || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank = |value: f64| rank_of(value, buckets, observations);
    let share = (rank(upper) - rank(lower)) / observations;
    share.clamp(0.0, 1.0)
}

fn rank_of(value: f64, buckets: &[Bucket], observations: f64) -> f64 {
    let mut below = 0.0;
    for (at, bucket) in buckets.iter().enumerate() {
        // Without a lower bound the first bucket starts at zero, unless it ends below.
        let start = match at {
            0 if bucket.upper > 0.0 => 0.0,
            0 => f64::NEG_INFINITY,
            _ => buckets[at - 1].upper,
        };
        if value <= start {
            return below;
        }
        if value < bucket.upper {
            if start.is_infinite() || bucket.upper.is_infinite() {
                return if bucket.upper.is_infinite() { below } else { bucket.count };
            }
            return below + (bucket.count - below) * (value - start) / (bucket.upper - start);
        }
        below = bucket.count;
    }
    observations
}

/// Sorts, merges and levels the buckets, and returns all observations; `None` without a bucket
/// that has no upper bound.
fn prepare(buckets: &mut Vec<Bucket>) -> Option<f64> {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    buckets.last().filter(|bucket| bucket.upper == f64::INFINITY)?;
    let mut merged: Vec<Bucket> = Vec::with_capacity(buckets.len());
    for bucket in buckets.drain(..) {
        match merged.last_mut() {
            Some(last) if last.upper == bucket.upper => last.count += bucket.count,
            _ => merged.push(bucket),
        }
    }
    // Scrapes and rates are not atomic over the buckets: a lower count than before is a defect of
    // the data, and is leveled.
    let mut before = merged.first()?.count;
    for bucket in merged.iter_mut().skip(1) {
        let tiny =
            (bucket.count - before).abs() <= EQUAL_SHARE * bucket.count.abs().max(before.abs());
        if bucket.count < before || tiny {
            bucket.count = before;
        }
        before = bucket.count;
    }
    *buckets = merged;
    buckets.last().map(|bucket| bucket.count)
}
