//! Owns the newest samples of one series, its counter resets and its ends.

use std::collections::VecDeque;

use crate::extrapolation::Ends;
use crate::series::Sample;

/// A tail keeps this many times the longest range that reads it, so that an evaluation that lags
/// behind the arrivals still finds its samples.
const KEPT_RANGES: i64 = 2;

/// The newest samples of one series. Samples have places that count up for ever, so that a window
/// can remember where it begins while old samples are dropped. What every evaluation looks at comes
/// first and is small: a round over many series is bound by memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail {
    last: Option<Sample>,
    samples: VecDeque<Sample>,
    /// The place of the oldest sample kept.
    base: u64,
    /// Up to this time samples may be missing.
    gone_ms: Option<i64>,
    /// Changes whenever places are given anew.
    pub(crate) epoch: u32,
    /// What most series never have.
    rare: Option<Box<Rare>>,
    /// The longest range that reads the series.
    pub(crate) range_ms: i64,
}

#[derive(Debug, Clone, Default)]
struct Rare {
    /// The place of each sample that is lower than the one before it, and that one's value.
    resets: VecDeque<(u64, f64)>,
    /// When the series was marked as gone.
    ends: VecDeque<i64>,
}

/// A part of a tail: the samples at the places `from..to`, never empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) ends: Ends,
}

impl Tail {
    /// Builds a tail of samples that are known from `gone_ms` on.
    pub(crate) fn new(range_ms: i64, gone_ms: Option<i64>) -> Tail {
        Tail { range_ms, gone_ms, ..Tail::default() }
    }

    /// Takes a sample, usually the newest one; of two at one time the first counts.
    pub(crate) fn push(&mut self, sample: Sample) {
        if sample.is_stale() {
            insert_sorted(&mut self.rare.get_or_insert_default().ends, sample.t_ms);
            return;
        }
        let Some(last) = self.last else {
            self.last = Some(sample);
            self.samples.push_back(sample);
            return;
        };
        if sample.t_ms > last.t_ms {
            if sample.v < last.v {
                let end = self.end();
                self.rare.get_or_insert_default().resets.push_back((end, last.v));
            }
            self.last = Some(sample);
            self.samples.push_back(sample);
            self.drop_before(sample.t_ms.saturating_sub(self.range_ms.saturating_mul(KEPT_RANGES)));
        } else {
            self.insert(sample);
        }
    }

    /// Returns what may be missing: times up to this one.
    pub(crate) fn gone_ms(&self) -> i64 {
        self.gone_ms.unwrap_or(i64::MIN)
    }

    /// Returns the place after the newest sample.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.samples.len() as u64
    }

    /// Returns the place of the oldest sample after a time.
    pub(crate) fn first_after(&self, t_ms: i64) -> u64 {
        self.base + self.samples.partition_point(|s| s.t_ms <= t_ms) as u64
    }

    /// Moves a place forward to the oldest sample after a time.
    pub(crate) fn slide(&self, place: u64, t_ms: i64) -> u64 {
        let mut at = place.saturating_sub(self.base) as usize;
        while self.samples.get(at).is_some_and(|s| s.t_ms <= t_ms) {
            at += 1;
        }
        self.base + at as u64
    }

    /// Returns the samples from a place up to a time, or `None` where there is none.
    pub(crate) fn part(&self, from: u64, to_ms: i64) -> Option<Part> {
        let (to, last) = match self.last {
            Some(last) if last.t_ms <= to_ms => (self.end(), last),
            _ => {
                let to = self.first_after(to_ms);
                (to, *self.samples.get(to.checked_sub(self.base + 1)? as usize)?)
            }
        };
        let first = *self.samples.get(from.checked_sub(self.base)? as usize)?;
        if to <= from {
            return None;
        }
        Some(Part { from, to, ends: Ends { first, last, count: (to - from) as usize } })
    }

    /// Returns the values before each reset inside a part, oldest first.
    pub(crate) fn resets(&self, part: Part) -> impl Iterator<Item = f64> {
        // Most counters have no reset at all.
        let inside = move |(place, _): &&(u64, f64)| *place > part.from && *place < part.to;
        let resets = self.rare.iter().flat_map(|rare| &rare.resets);
        resets.filter(inside).map(|(_, before)| *before)
    }

    /// Appends a part's samples to a list.
    pub(crate) fn copy(&self, part: Part, into: &mut Vec<Sample>) {
        let (from, to) = (part.from - self.base, part.to - self.base);
        into.extend(self.samples.range(from as usize..to as usize));
    }

    /// Returns the newest sample with `from_ms <= t <= at_ms`, unless the series is gone since.
    pub(crate) fn newest(&self, from_ms: i64, at_ms: i64) -> Option<Sample> {
        let newest = match self.last? {
            last if last.t_ms <= at_ms => last,
            _ => {
                let to = self.samples.partition_point(|s| s.t_ms <= at_ms);
                *self.samples.get(to.checked_sub(1)?)?
            }
        };
        let mut ends = self.rare.iter().flat_map(|rare| rare.ends.iter().rev());
        let ended = ends.find(|end_ms| **end_ms <= at_ms);
        (newest.t_ms >= from_ms && ended.is_none_or(|end_ms| *end_ms < newest.t_ms))
            .then_some(newest)
    }

    fn insert(&mut self, sample: Sample) {
        let at = self.samples.partition_point(|s| s.t_ms < sample.t_ms);
        if self.samples.get(at).is_some_and(|s| s.t_ms == sample.t_ms)
            || sample.t_ms <= self.gone_ms()
        {
            return;
        }
        self.samples.insert(at, sample);
        self.epoch = self.epoch.wrapping_add(1);
        let rare = self.rare.get_or_insert_default();
        rare.resets.clear();
        for at in 1..self.samples.len() {
            let (before, v) = (self.samples[at - 1].v, self.samples[at].v);
            if v < before {
                rare.resets.push_back((self.base + at as u64, before));
            }
        }
    }

    fn drop_before(&mut self, oldest_ms: i64) {
        let before = self.base;
        while let Some(first) = self.samples.front().filter(|s| s.t_ms < oldest_ms) {
            self.gone_ms = Some(self.gone_ms().max(first.t_ms));
            self.samples.pop_front();
            self.base += 1;
        }
        let Some(rare) = self.rare.as_mut().filter(|_| self.base != before) else { return };
        // A reset between a dropped sample and a kept one is in no window any more.
        while rare.resets.front().is_some_and(|(place, _)| *place <= self.base) {
            rare.resets.pop_front();
        }
        while rare.ends.front().is_some_and(|end_ms| *end_ms < oldest_ms) {
            rare.ends.pop_front();
        }
    }
}

fn insert_sorted(times: &mut VecDeque<i64>, t_ms: i64) {
    let at = times.partition_point(|known| *known < t_ms);
    if times.get(at) != Some(&t_ms) {
        times.insert(at, t_ms);
    }
}
