//! Owns the readings of a row over a time: one a scrape, each counting the events since the last.

use super::rows::Readable;
use crate::reading::{Counts, Reading};
use squall_query::Storage;
use squall_query::indicator::Gap;

/// Readings of one row at most: a day at a scrape a second is beyond any fault's hold.
pub(super) const SAMPLES_MAX: i64 = 20_000;
/// A scrape that is a little late is waited for this many intervals before it counts as missing.
const LATE_INTERVALS: i64 = 3;

/// One reading.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// The end of the interval it stands for.
    pub(super) at_ms: i64,
    /// What was read.
    pub(super) reading: Reading,
    /// The query's value over the agreement's own window.
    pub(super) windowed: Option<f64>,
}

/// Reads a row from one time to another.
pub(super) fn read(
    row: &Readable<'_>,
    storage: &dyn Storage,
    (from_ms, to_ms): (i64, i64),
    every_ms: i64,
) -> Vec<Sample> {
    let Some((indicator, bound)) = &row.measure else { return Vec::new() };
    let every_ms = every_ms.max(1).max((to_ms - from_ms) / SAMPLES_MAX);
    let mut walk = indicator.walk(storage, (from_ms, to_ms), *bound);
    let mut samples = Vec::new();
    let mut prev_ms = from_ms;
    let mut at_ms = from_ms;
    while at_ms < to_ms {
        at_ms = (at_ms + every_ms).min(to_ms);
        let read = walk.read(prev_ms, at_ms);
        let late = matches!(read.gap, Some(Gap::Stale { .. }));
        let patience = at_ms - prev_ms < LATE_INTERVALS * every_ms && at_ms < to_ms;
        if late && patience {
            continue;
        }
        let cut = at_ms - prev_ms < every_ms;
        prev_ms = at_ms;
        // The last interval is shorter than a scrape where the fault ended between two; that it
        // brought nothing new is no gap.
        if late && cut && !samples.is_empty() {
            continue;
        }
        samples.push(Sample { at_ms, reading: reading(row, &read), windowed: read.value });
    }
    samples
}

fn reading(row: &Readable<'_>, read: &squall_query::indicator::Reading) -> Reading {
    let counts = read.counts.map(|c| Counts {
        total: c.total,
        bad_least: c.bad_least,
        bad_most: c.bad_most,
    });
    // No events is no gap: the source answered, and there is nothing a share could be of.
    let gap = read
        .gap
        .filter(|gap| counts.is_none() || !matches!(gap, Gap::NotANumber | Gap::EmptyVector));
    let value = match counts {
        Some(counts) if row.judged.is_share => (counts.total > 0).then(|| {
            let bad = counts.bad_least as f64 / counts.total as f64;
            if row.judged.at_least { 1.0 - bad } else { bad }
        }),
        Some(_) => read.estimate,
        None => read.value,
    };
    Reading { value, counts, gap: gap.map(|gap| gap.to_string()) }
}
