//! Owns which series is in which column of which sheet, and moves those that do not fit.

use crate::incremental::SeriesKey;
use crate::incremental::sheet::{Put, Sheet};
use crate::series::Sample;

/// Sheets that a new series is offered to, the newest first: one for each target of late.
const OFFERED_MAX: usize = 8;
/// A sheet of which less than this part is in use is given up for a smaller one.
const USED_PART: usize = 4;

/// All sheets.
#[derive(Debug, Default)]
pub(super) struct Sheets {
    all: Vec<Sheet>,
    free: Vec<u32>,
    homes: Vec<Home>,
    offered: Vec<u32>,
    /// Counts series that left their column.
    pub(super) moves: u64,
    /// Counts series that got a column.
    pub(super) settled: u64,
}

/// A series' column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sheet: u32,
    pub(super) column: u32,
}

#[derive(Debug, Clone, Copy, Default)]
enum Home {
    /// No rule reads the series.
    #[default]
    Unwatched,
    /// It has no sample yet; those up to a time may be missing.
    Awaited {
        range_ms: i64,
        gone_ms: i64,
    },
    At(Place),
}

/// Where a series that a rule reads is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    /// It has no sample after this time yet.
    Awaited {
        gone_ms: i64,
    },
    At(Place),
}

impl Sheets {
    pub(super) fn sheet(&self, at: u32) -> Option<&Sheet> {
        self.all.get(at as usize)
    }

    /// Returns where a series is, where a rule reads it.
    pub(super) fn find(&self, key: SeriesKey) -> Option<Found> {
        match *self.homes.get(key as usize)? {
            Home::Unwatched => None,
            Home::Awaited { gone_ms, .. } => Some(Found::Awaited { gone_ms }),
            Home::At(place) => Some(Found::At(place)),
        }
    }

    /// Awaits the first sample of a series that ranges up to this one read.
    pub(super) fn await_first(&mut self, key: SeriesKey, range_ms: i64) {
        self.leave(key);
        *self.home(key) = Home::Awaited { range_ms, gone_ms: i64::MIN };
    }

    /// Takes the samples of a series, known after `gone_ms`, unless it has those of a longer range.
    pub(super) fn adopt(
        &mut self,
        key: SeriesKey,
        (range_ms, gone_ms): (i64, i64),
        samples: &[Sample],
    ) {
        if self.range_ms(key).is_none_or(|known| known < range_ms) {
            self.leave(key);
            self.settle(key, (range_ms, gone_ms), samples);
        }
    }

    /// Takes a sample of a series.
    pub(super) fn push(&mut self, key: SeriesKey, sample: Sample) {
        match self.homes.get(key as usize) {
            None | Some(Home::Unwatched) => {}
            Some(&Home::Awaited { range_ms, gone_ms }) => {
                self.settle(key, (range_ms, gone_ms), &[sample]);
            }
            Some(&Home::At(Place { sheet, column })) => {
                let held = &mut self.all[sheet as usize];
                if held.put(column as usize, sample) == Put::Misfit {
                    let mut samples = held.samples(column as usize);
                    let at = samples.partition_point(|s| s.t_ms < sample.t_ms);
                    samples.insert(at, sample);
                    let known = (held.range_ms, held.gone_ms());
                    self.leave(key);
                    self.settle(key, known, &samples);
                }
            }
        }
    }

    /// Forgets series; tells whether a rule read any of them.
    pub(super) fn forget(&mut self, keys: &[SeriesKey]) -> bool {
        let mut read = false;
        for key in keys {
            read |= self.find(*key).is_some();
            self.leave(*key);
        }
        read
    }

    fn home(&mut self, key: SeriesKey) -> &mut Home {
        let at = key as usize;
        if self.homes.len() <= at {
            self.homes.resize(at + 1, Home::Unwatched);
        }
        &mut self.homes[at]
    }

    fn range_ms(&self, key: SeriesKey) -> Option<i64> {
        match *self.homes.get(key as usize)? {
            Home::Unwatched => None,
            Home::Awaited { range_ms, .. } => Some(range_ms),
            Home::At(Place { sheet, .. }) => Some(self.all[sheet as usize].range_ms),
        }
    }

    /// Gives a series a column, in a sheet of its rhythm.
    fn settle(&mut self, key: SeriesKey, (range_ms, gone_ms): (i64, i64), samples: &[Sample]) {
        if samples.is_empty() {
            *self.home(key) = Home::Awaited { range_ms, gone_ms };
            return;
        }
        let suits = |at: &&u32| {
            let sheet = &self.all[**at as usize];
            sheet.range_ms == range_ms && sheet.suits(samples)
        };
        let sheet = match self.offered.iter().rev().find(suits) {
            Some(at) => *at,
            None => {
                let at = self.keep(Sheet::new(range_ms));
                self.offer(at);
                at
            }
        };
        let held = &mut self.all[sheet as usize];
        held.lost_until(gone_ms);
        let column = held.add(key, samples) as u32;
        *self.home(key) = Home::At(Place { sheet, column });
        self.settled += 1;
    }

    fn leave(&mut self, key: SeriesKey) {
        let home = std::mem::take(self.home(key));
        if let Home::At(Place { sheet, column }) = home {
            self.all[sheet as usize].drop_column(column as usize);
            self.moves += 1;
            self.give_up_unused(sheet);
        }
    }

    fn give_up_unused(&mut self, sheet: u32) {
        let held = &mut self.all[sheet as usize];
        if held.live * USED_PART >= held.keys.len() {
            return;
        }
        let held = std::mem::take(held);
        self.offered.retain(|offered| *offered != sheet);
        self.free.push(sheet);
        for (column, key) in held.keys.iter().enumerate() {
            let Some(key) = *key else { continue };
            self.settle(key, (held.range_ms, held.gone_ms()), &held.samples(column));
        }
    }

    fn keep(&mut self, sheet: Sheet) -> u32 {
        match self.free.pop() {
            Some(at) => {
                self.all[at as usize] = sheet;
                at
            }
            None => {
                self.all.push(sheet);
                (self.all.len() - 1) as u32
            }
        }
    }

    fn offer(&mut self, sheet: u32) {
        if self.offered.len() >= OFFERED_MAX {
            self.offered.remove(0);
        }
        self.offered.push(sheet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE_MS: i64 = 60_000;

    fn sheets(series: u32) -> Sheets {
        let mut sheets = Sheets::default();
        (0..series).for_each(|key| sheets.await_first(key, RANGE_MS));
        sheets
    }

    fn push(sheets: &mut Sheets, key: u32, t_ms: i64) {
        sheets.push(key, Sample { t_ms, v: t_ms as f64 });
    }

    /// Compares the series of each sheet in use with the expected ones.
    fn check(sheets: &Sheets, expected: &[&[u32]]) {
        let mut found: Vec<Vec<u32>> = Vec::new();
        for sheet in sheets.all.iter().filter(|sheet| sheet.live > 0) {
            found.push(sheet.keys.iter().flatten().copied().collect());
        }
        found.iter_mut().for_each(|keys| keys.sort_unstable());
        found.sort();
        assert_eq!(found, expected);
        for (key, home) in sheets.homes.iter().enumerate() {
            if let Home::At(Place { sheet, column }) = home {
                let sheet = &sheets.all[*sheet as usize];
                assert_eq!(sheet.keys[*column as usize], Some(key as u32));
            }
        }
    }

    #[test]
    fn each_target_has_a_sheet_whatever_the_order_in_which_its_samples_come() {
        let mut scraped = sheets(8);
        for n in 0..50 {
            (0..4).for_each(|key| push(&mut scraped, key, n * 1000));
            (4..8).for_each(|key| push(&mut scraped, key, n * 1000 + 300));
        }
        check(&scraped, &[&[0, 1, 2, 3], &[4, 5, 6, 7]]);
        let mut pulled = sheets(8);
        for n in 0..20 {
            for key in 0..8 {
                let off_ms = i64::from(key % 2) * 300;
                (0..3).for_each(|step| push(&mut pulled, key, n * 3000 + step * 1000 + off_ms));
            }
        }
        check(&pulled, &[&[0, 2, 4, 6], &[1, 3, 5, 7]]);
    }

    #[test]
    fn a_series_that_leaves_the_rhythm_moves_and_one_that_is_missing_stays() {
        let mut sheets = sheets(5);
        for n in 0..40 {
            for key in (0..5).filter(|key| *key != 1 || n % 7 > 2) {
                let late_ms = if key == 3 && n >= 5 { 77 } else { 0 };
                push(&mut sheets, key, n * 1000 + late_ms);
            }
        }
        check(&sheets, &[&[0, 1, 2, 4], &[3]]);
    }

    #[test]
    fn what_is_gone_leaves_no_wide_sheet_behind() {
        let mut sheets = sheets(40);
        (0..40).for_each(|key| push(&mut sheets, key, 1000));
        assert!(sheets.forget(&(0..35).collect::<Vec<_>>()));
        check(&sheets, &[&[35, 36, 37, 38, 39]]);
        let widest = sheets.all.iter().map(|sheet| sheet.keys.len()).max();
        assert!(widest.is_some_and(|widest| widest <= 20), "{widest:?}");
        assert!(!sheets.forget(&[3, 99]), "nobody reads it any more");
        assert!(sheets.forget(&(35..40).collect::<Vec<_>>()));
        check(&sheets, &[]);
    }
}
