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
    /// Counts series that moved from one column to another.
    pub(super) moves: u64,
    /// Counts series that got their first column.
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
        loop {
            match self.homes.get(key as usize) {
                None | Some(Home::Unwatched) => return,
                Some(&Home::Awaited { range_ms, gone_ms }) => {
                    return self.settle(key, (range_ms, gone_ms), &[sample]);
                }
                Some(&Home::At(Place { sheet, column })) => {
                    let held = &mut self.all[sheet as usize];
                    let own = match held.put(column as usize, sample) {
                        Put::Done => return,
                        Put::Misfit => held.taken(&[column as usize]),
                        Put::Split => held.split(),
                    };
                    self.moved(own);
                    self.give_up_unused(sheet);
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

    /// Gives a series its first column, in a sheet of its rhythm.
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

    /// Keeps a sheet of series that were in another one before.
    fn moved(&mut self, own: Sheet) {
        if own.live == 0 {
            return;
        }
        self.moves += 1;
        let sheet = self.keep(own);
        for column in 0..self.all[sheet as usize].keys.len() {
            if let Some(key) = self.all[sheet as usize].keys[column] {
                *self.home(key) = Home::At(Place { sheet, column: column as u32 });
            }
        }
        if self.all[sheet as usize].live > 1 {
            self.offer(sheet);
        }
    }

    fn give_up_unused(&mut self, sheet: u32) {
        let held = &mut self.all[sheet as usize];
        if held.live * USED_PART >= held.keys.len() {
            return;
        }
        let used: Vec<usize> = (0..held.keys.len()).filter(|at| held.keys[*at].is_some()).collect();
        let smaller = held.taken(&used);
        self.all[sheet as usize] = Sheet::default();
        self.offered.retain(|offered| *offered != sheet);
        self.free.push(sheet);
        self.moved(smaller);
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
