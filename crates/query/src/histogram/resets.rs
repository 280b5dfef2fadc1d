//! Owns the question whether a counter was reset between two histograms, and their change.

use super::buckets::{coarser, count_of};
use super::model::{Hint, Histogram, HistogramSample};

impl Histogram {
    /// Tells whether the counter was reset between an earlier histogram and this one.
    pub fn was_reset_since(&self, before: &Histogram) -> bool {
        match self.hint {
            Hint::Reset => return true,
            Hint::NoReset => return false,
            Hint::Unknown | Hint::Gauge => {}
        }
        if self.count < before.count || self.is_custom() != before.is_custom() {
            return true;
        }
        if self.is_custom() {
            let Some((now, before)) = self.alike(before) else { return true };
            return fell(&now.positive, before.positive.iter().copied());
        }
        if self.schema > before.schema || self.zero_threshold < before.zero_threshold {
            return true;
        }
        let (zero_count, threshold) = before.zero_for(self.zero_threshold);
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        let mut wide = before.clone();
        wide.widen_zero(threshold);
        let index = |index: i32| coarser(index, before.schema, self.schema);
        let merged = |buckets: &[(i32, f64)]| {
            let mut out = Vec::new();
            buckets.iter().for_each(|b| super::buckets::add(&mut out, index(b.0), b.1));
            out
        };
        fell(&self.positive, merged(&wide.positive).into_iter())
            || fell(&self.negative, merged(&wide.negative).into_iter())
    }
}

fn fell(now: &[(i32, f64)], mut before: impl Iterator<Item = (i32, f64)>) -> bool {
    before.any(|(index, count)| count_of(now, index) < count)
}

/// Returns the change over a list of histograms; `None` where they are of different kinds.
pub(crate) fn change(samples: &[HistogramSample], counter: bool) -> Option<Histogram> {
    let [first, .., last] = samples else { return None };
    let custom = last.histogram.is_custom();
    let skip_first = counter && samples[1].histogram.was_reset_since(&first.histogram);
    let counted = &samples[usize::from(skip_first)..];
    if counted.iter().any(|sample| sample.histogram.is_custom() != custom) {
        return None;
    }
    let schema = counted.iter().map(|sample| sample.histogram.schema).min()?;
    let mut change = last.histogram.at_schema(schema);
    if !skip_first {
        change = change.minus(&first.histogram)?;
    }
    if counter {
        for pair in counted.windows(2) {
            if pair[1].histogram.was_reset_since(&pair[0].histogram) {
                change = change.plus(&pair[0].histogram)?;
            }
        }
    }
    Some(Histogram { hint: Hint::Gauge, ..change.compact() })
}
