//! Owns one clock for all series: samples of different services, with holes and clocks that
//! differ, become numbers by slot.

use super::case::{Case, Point};

/// One number a slot; none where there is no data.
pub(super) type Track = Vec<Option<f64>>;

/// Slots to each side that are averaged, so that clocks which differ by a sample do not matter.
const REACH: usize = 1;

/// The slots of a case.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    first_ms: i64,
    every_ms: i64,
    /// How many slots there are.
    pub(super) len: usize,
    /// The slots that show what is normal: those before any fault.
    pub(super) normal: std::ops::Range<usize>,
}

impl Grid {
    /// Makes the grid over everything that a case holds; none where it holds no samples.
    pub(super) fn of(case: &Case) -> Option<Grid> {
        let every_ms = case.every_ms.max(1);
        let excess = case.episodes.iter().flat_map(|e| &e.excess);
        let series = case.services.iter().flat_map(|s| &s.signals).flat_map(|s| &s.points);
        let (mut first_ms, mut last_ms) = (i64::MAX, i64::MIN);
        for point in excess.chain(series) {
            first_ms = first_ms.min(point.at_ms);
            last_ms = last_ms.max(point.at_ms);
        }
        let span = last_ms.checked_sub(first_ms).filter(|span| *span >= 0)?;
        // A clock that is years off must not cost memory: a case has at most this many slots.
        let len = usize::try_from(span / every_ms + 1).ok().filter(|len| *len <= SLOTS_MAX)?;
        let begins = case.injections.iter().map(|i| i.from_ms);
        let mut grid = Grid { first_ms, every_ms, len, normal: 0..len };
        let begin = begins.min().map_or(len, |ms| grid.slot(ms));
        if begin >= NORMAL_MIN {
            grid.normal = 0..begin;
        }
        Some(grid)
    }

    /// The slot of a time, inside the grid.
    pub(super) fn slot(&self, at_ms: i64) -> usize {
        let slots = (at_ms - self.first_ms + self.every_ms / 2).div_euclid(self.every_ms);
        usize::try_from(slots).unwrap_or(0).min(self.len.saturating_sub(1))
    }

    /// A series by slot.
    pub(super) fn track(&self, points: &[Point]) -> Track {
        let mut track = vec![None; self.len];
        for point in points {
            let inside = point.at_ms >= self.first_ms - self.every_ms;
            if let (Some(value), true) = (point.number(), inside) {
                track[self.slot(point.at_ms)] = Some(value);
            }
        }
        track
    }

    /// How far each slot is above what is normal, smoothed; 0 in holes without a neighbor.
    pub(super) fn above(&self, track: &Track) -> Vec<f64> {
        let normal = self.usual(track);
        let smooth = |at: usize| {
            let near = at.saturating_sub(REACH)..(at + REACH + 1).min(track.len());
            let (sum, count) = (track[near].iter().flatten())
                .fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
            if count == 0.0 { 0.0 } else { sum / count - normal }
        };
        (0..track.len()).map(smooth).collect()
    }

    /// The median of a track while nothing was done to the system.
    pub(super) fn usual(&self, track: &Track) -> f64 {
        let normal = track.get(self.normal.clone()).unwrap_or_default();
        let known: Vec<f64> = normal.iter().flatten().copied().collect();
        median(known).or_else(|| median(track.iter().flatten().copied().collect())).unwrap_or(0.0)
    }
}

/// Slots before any fault that are needed to know what is normal.
const NORMAL_MIN: usize = 8;
/// The most slots of a case: four months of minutes.
const SLOTS_MAX: usize = 200_000;

/// The median, if there is one.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// One track by another, slot by slot; nothing where the second is 0.
pub(super) fn ratio(part: &Track, whole: &Track) -> Track {
    let divide = |(part, whole): (&Option<f64>, &Option<f64>)| match (part, whole) {
        (Some(part), Some(whole)) if *whole > 0.0 => Some(part / whole),
        (Some(_), Some(_)) => Some(0.0),
        _ => None,
    };
    part.iter().zip(whole).map(divide).collect()
}
