//! Owns the newest samples of series that are scraped together: a row a scrape, a column a series.
//!
//! What an evaluation needs of a hundred thousand series are two rows, each one run of memory.

use std::collections::VecDeque;
use std::ops::Range;

use crate::incremental::SeriesKey;
use crate::series::{Sample, is_stale_marker};

/// Columns of one sheet at most; it bounds what giving one up costs.
pub(super) const COLUMNS_MAX: usize = 4096;
/// A sheet keeps this many times the longest range that reads it, so that an evaluation that lags
/// behind the arrivals still finds its samples.
const KEPT_RANGES: i64 = 2;
/// A row with less than this share of the series, in quarters, may be of another rhythm.
const FULL_QUARTERS: usize = 3;
/// The bits of a cell without a sample: a NaN that nobody means. One that arrives all the same is
/// kept as the usual NaN.
const ABSENT_BITS: u64 = 0x7ff8_5a5a_5a5a_5a5a;

/// Series that are scraped together.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    rows: VecDeque<Row>,
    /// For each column the row from which on it has a number in every row up to its newest one,
    /// and none that is lower than the one before: its window's ends say all.
    plain: Vec<u64>,
    /// The place of the oldest row; places count up while rows are dropped.
    base: u64,
    /// Up to this time samples may be missing.
    gone_ms: Option<i64>,
    /// The longest range that reads the sheet.
    pub(super) range_ms: i64,
    /// Which series has a column; none where it is gone.
    pub(super) keys: Vec<Option<SeriesKey>>,
    /// How many columns are some series'.
    pub(super) live: usize,
}

#[derive(Debug)]
struct Row {
    t_ms: i64,
    /// May be shorter than the sheet is wide.
    cells: Vec<f64>,
    /// Cells with a sample or a staleness marker.
    filled: usize,
}

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It is in the sheet, or was there before.
    Done,
    /// Its series is not in the sheet's rhythm, and needs another one.
    Misfit,
}

/// The rows of a window, never empty.
#[derive(Debug, Clone)]
pub(super) struct Part<'s> {
    sheet: &'s Sheet,
    rows: Range<usize>,
    first: &'s [f64],
    last: &'s [f64],
    from: u64,
}

fn is_absent(v: f64) -> bool {
    v.to_bits() == ABSENT_BITS
}

/// Tells whether a cell has no number that a window would see.
fn is_hole(v: f64) -> bool {
    v.is_nan() && (is_absent(v) || is_stale_marker(v))
}

fn absent() -> f64 {
    f64::from_bits(ABSENT_BITS)
}

impl Row {
    fn cell(&self, column: usize) -> f64 {
        self.cells.get(column).copied().unwrap_or_else(absent)
    }

    /// Tells whether the row is that of a few series that a column's is not among.
    fn is_others(&self, column: usize, live: usize) -> bool {
        self.filled * 4 < live * FULL_QUARTERS && is_absent(self.cell(column))
    }

    /// Fills a cell that is empty; of two samples at one time the first counts.
    fn fill(&mut self, column: usize, v: f64) -> bool {
        if self.cells.len() <= column {
            self.cells.resize(column + 1, absent());
        }
        let cell = &mut self.cells[column];
        let empty = is_absent(*cell);
        if empty {
            *cell = if is_absent(v) { f64::NAN } else { v };
            self.filled += 1;
        }
        empty
    }
}

impl Sheet {
    /// Builds a sheet without a column.
    pub(super) fn new(range_ms: i64) -> Sheet {
        Sheet { range_ms, ..Sheet::default() }
    }

    /// Returns what may be missing: times up to this one.
    pub(super) fn gone_ms(&self) -> i64 {
        self.gone_ms.unwrap_or(i64::MIN)
    }

    /// Notes that samples up to this time may be missing.
    pub(super) fn lost_until(&mut self, gone_ms: i64) {
        self.gone_ms = Some(self.gone_ms().max(gone_ms));
    }

    /// Tells whether samples are in the sheet's rhythm: each is in a row, the newest of several in
    /// the newest.
    pub(super) fn suits(&self, samples: &[Sample]) -> bool {
        let (Some(last), Some(row)) = (samples.last(), self.rows.back()) else { return false };
        let mut rows = self.rows.iter();
        self.keys.len() < COLUMNS_MAX
            && (last.t_ms == row.t_ms || samples.len() == 1)
            && samples.iter().all(|sample| rows.any(|row| row.t_ms == sample.t_ms))
    }

    /// Adds a series with its samples, for each of which there is a row or no row yet.
    pub(super) fn add(&mut self, key: SeriesKey, samples: &[Sample]) -> usize {
        let column = self.keys.len();
        self.keys.push(Some(key));
        self.live += 1;
        self.plain.push(self.end());
        let mut at = 0;
        for sample in samples {
            while self.rows.get(at).is_some_and(|row| row.t_ms < sample.t_ms) {
                at += 1;
            }
            if at == self.rows.len() {
                self.rows.push_back(Row { t_ms: sample.t_ms, cells: Vec::new(), filled: 0 });
            }
            self.rows[at].fill(column, sample.v);
        }
        self.plain[column] = self.plain_from(column);
        column
    }

    /// Forgets a series.
    pub(super) fn drop_column(&mut self, column: usize) {
        if self.keys[column].take().is_some() {
            self.live -= 1;
            self.clear(column);
            // A newest row that was its alone is no row of the others'.
            while self.rows.pop_back_if(|row| row.filled == 0).is_some() {}
        }
    }

    /// Takes a sample of a column, usually in the newest row or a newer one.
    pub(super) fn put(&mut self, column: usize, sample: Sample) -> Put {
        let at = match self.rows.back() {
            Some(newest) if sample.t_ms == newest.t_ms => self.rows.len() - 1,
            Some(newest) if sample.t_ms < newest.t_ms => match self.row_of(sample.t_ms) {
                Ok(at) => at,
                Err(put) => return put,
            },
            Some(newest) if newest.is_others(column, self.live) => return Put::Misfit,
            Some(_) | None => {
                self.open(sample.t_ms);
                self.rows.len() - 1
            }
        };
        let before = at.checked_sub(1).map_or_else(absent, |before| self.rows[before].cell(column));
        // A later cell that is filled already took the hole that was here for a gap.
        if self.rows[at].fill(column, sample.v) && (is_hole(before) || sample.v < before) {
            self.plain[column] = self.plain[column].max(self.base + at as u64);
        }
        Put::Done
    }

    /// Returns the rows with `from_ms < t <= to_ms`, or `None` where there is none.
    pub(super) fn part(&self, from_ms: i64, to_ms: i64) -> Option<Part<'_>> {
        let from = self.rows.partition_point(|row| row.t_ms <= from_ms);
        let to = match self.rows.back() {
            Some(newest) if newest.t_ms <= to_ms => self.rows.len(),
            _ => self.rows.partition_point(|row| row.t_ms <= to_ms),
        };
        (from < to).then(|| Part {
            sheet: self,
            rows: from..to,
            first: &self.rows[from].cells,
            last: &self.rows[to - 1].cells,
            from: self.base + from as u64,
        })
    }

    /// Returns the newest sample of a column with `from_ms <= t <= at_ms`, unless it is gone since.
    pub(super) fn newest(&self, column: usize, from_ms: i64, at_ms: i64) -> Option<f64> {
        let upto = self.rows.iter().rev().skip_while(|row| row.t_ms > at_ms);
        let mut cells = upto.take_while(|row| row.t_ms >= from_ms).map(|row| row.cell(column));
        cells.find(|v| !is_absent(*v)).filter(|v| !is_stale_marker(*v))
    }

    /// Returns what is held of a column, staleness markers included.
    pub(super) fn samples(&self, column: usize) -> Vec<Sample> {
        let cells = self.rows.iter().map(|row| Sample { t_ms: row.t_ms, v: row.cell(column) });
        cells.filter(|sample| !is_absent(sample.v)).collect()
    }

    fn end(&self) -> u64 {
        self.base + self.rows.len() as u64
    }

    fn clear(&mut self, column: usize) {
        for row in &mut self.rows {
            if let Some(cell) = row.cells.get_mut(column).filter(|cell| !is_absent(**cell)) {
                *cell = absent();
                row.filled -= 1;
            }
        }
    }

    /// Works out anew from which row on a column is plain.
    fn plain_from(&self, column: usize) -> u64 {
        let (mut from, mut after) = (self.end(), absent());
        for (at, row) in self.rows.iter().enumerate().rev() {
            let v = row.cell(column);
            let ends = is_hole(v) || after < v;
            // What is absent from the newest rows is not there to be wrong.
            if ends && !is_absent(after) || is_stale_marker(v) {
                break;
            }
            if !is_absent(v) {
                (from, after) = (self.base + at as u64, v);
            }
        }
        from
    }

    /// Begins a row, and drops those that no range reaches.
    fn open(&mut self, t_ms: i64) {
        let oldest_ms = t_ms.saturating_sub(self.range_ms.saturating_mul(KEPT_RANGES));
        let mut cells = Vec::new();
        while let Some(row) = self.rows.pop_front_if(|row| row.t_ms < oldest_ms) {
            self.lost_until(row.t_ms);
            self.base += 1;
            cells = row.cells;
        }
        cells.clear();
        cells.resize(self.keys.len(), absent());
        self.rows.push_back(Row { t_ms, cells, filled: 0 });
    }

    /// Returns the row of a late sample; a column that is alone gets one where there is none.
    fn row_of(&mut self, t_ms: i64) -> Result<usize, Put> {
        if t_ms <= self.gone_ms() {
            return Err(Put::Done);
        }
        match self.rows.binary_search_by_key(&t_ms, |row| row.t_ms) {
            Ok(at) => Ok(at),
            Err(at) if self.keys.len() == 1 => {
                self.rows.insert(at, Row { t_ms, cells: vec![absent()], filled: 0 });
                self.plain[0] = self.end();
                Ok(at)
            }
            Err(_) => Err(Put::Misfit),
        }
    }
}

impl<'s> Part<'s> {
    /// Returns the times of the window's first and last row, and how many rows it has.
    pub(super) fn ends(&self) -> (i64, i64, usize) {
        let t_ms = |at: usize| self.sheet.rows[at].t_ms;
        (t_ms(self.rows.start), t_ms(self.rows.end - 1), self.rows.len())
    }

    /// Returns a column's first and last value, where it has one in each row and none that is lower
    /// than the one before.
    pub(super) fn plain(&self, column: usize) -> Option<(f64, f64)> {
        let last = *self.last.get(column)?;
        if *self.sheet.plain.get(column)? > self.from || is_hole(last) {
            return None;
        }
        Some((*self.first.get(column)?, last))
    }

    /// Appends a column's numbers to a list.
    pub(super) fn copy(&self, column: usize, into: &mut Vec<Sample>) {
        let cell = |row: &Row| Sample { t_ms: row.t_ms, v: row.cell(column) };
        let samples = self.sheet.rows.range(self.rows.clone()).map(cell);
        into.extend(samples.filter(|sample| !is_hole(sample.v)));
    }
}
