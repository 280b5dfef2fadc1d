//! Owns the question whether the data behind an indicator is there, fresh and whole.

use std::collections::BTreeMap;

use crate::indicator::reading::Gap;
use crate::labels::Labels;
use crate::selector::Selector;
use crate::series::{Sample, Storage};

/// The metric by which a source says whether a target answered.
pub const UP: &str = "up";
/// A source slower than the judge's step is late after this many of its own intervals.
const LATE_INTERVALS: f64 = 1.5;
/// The newest samples that tell a source's interval; enough for a median that one gap cannot move.
pub const SPACING_SAMPLES: usize = 9;

/// Which target a series comes from.
type Target = (String, String);

/// The targets that were being read at the window's start.
#[derive(Debug, Default)]
pub(crate) struct Watched(Vec<Target>);

impl Watched {
    /// Tells whether the target of a series was being read.
    pub(crate) fn has(&self, labels: &Labels) -> bool {
        self.0.contains(&target(labels))
    }
}

/// What is known of the data's presence.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) watched: Watched,
    pub(crate) gap: Option<Gap>,
}

#[derive(Default)]
struct Seen {
    series: usize,
    ended: usize,
    newest_ms: Option<i64>,
    before: bool,
    spacing_ms: Option<i64>,
}

/// What a target's `up` says.
struct Up {
    of: Target,
    /// It answered at the window's start.
    was_up: bool,
    /// It did not answer at the window's end.
    down: bool,
}

/// Looks at the series behind an indicator between two times.
pub(crate) fn health(
    storage: &dyn Storage,
    selectors: &[Selector],
    prev_ms: i64,
    at_ms: i64,
) -> Health {
    let times = (prev_ms, at_ms);
    let mut targets = BTreeMap::<Target, Seen>::new();
    for selector in selectors {
        storage.visit_recent(selector, times, &mut |series| {
            targets.entry(target(series.labels)).or_default().note(series.samples, prev_ms);
        });
    }
    let mut ups = Vec::new();
    storage.visit_recent(&Selector::metric(UP), times, &mut |up| {
        let before = up.samples.iter().rfind(|s| s.t_ms <= prev_ms);
        ups.push(Up {
            of: target(up.labels),
            was_up: before.is_some_and(|s| s.v == 1.0),
            down: up.samples.last().is_some_and(|s| s.v == 0.0),
        });
    });
    let gap = gap(&targets, &ups, prev_ms, at_ms);
    let seen = targets.into_iter().filter(|(_, seen)| seen.before).map(|(target, _)| target);
    let answered = ups.into_iter().filter(|up| up.was_up).map(|up| up.of);
    Health { watched: Watched(seen.chain(answered).collect()), gap }
}

fn gap(targets: &BTreeMap<Target, Seen>, ups: &[Up], prev_ms: i64, at_ms: i64) -> Option<Gap> {
    if targets.is_empty() {
        // A target that is down before it ever had the metric is absent, not merely without data.
        let only_down = !ups.is_empty() && ups.iter().all(|up| up.down);
        return Some(if only_down { Gap::AbsentTarget } else { Gap::NoData });
    }
    let is_down = |of: &Target| ups.iter().any(|up| up.of == *of && up.down);
    if targets.iter().any(|(of, seen)| is_down(of) || seen.ended == seen.series) {
        return Some(Gap::AbsentTarget);
    }
    let age = |seen: &Seen| seen.late(prev_ms, at_ms);
    targets.values().filter_map(age).max().map(|age_ms| Gap::Stale { age_ms })
}

fn target(labels: &Labels) -> Target {
    (labels.get("job").to_owned(), labels.get("instance").to_owned())
}

impl Seen {
    fn note(&mut self, samples: &[Sample], prev_ms: i64) {
        self.series += 1;
        self.ended += usize::from(samples.last().is_some_and(|s| s.is_stale()));
        let alive = || samples.iter().filter(|s| !s.is_stale());
        self.newest_ms = self.newest_ms.max(alive().next_back().map(|s| s.t_ms));
        self.before |= alive().next().is_some_and(|s| s.t_ms <= prev_ms);
        let times: Vec<i64> = alive().rev().take(SPACING_SAMPLES).map(|s| s.t_ms).collect();
        let mut gaps: Vec<i64> = times.windows(2).map(|pair| pair[0] - pair[1]).collect();
        gaps.sort_unstable();
        let median = gaps.get(gaps.len() / 2).copied();
        self.spacing_ms = match (self.spacing_ms, median) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Returns the newest sample's age where there should have been a newer one.
    fn late(&self, prev_ms: i64, at_ms: i64) -> Option<i64> {
        let newest_ms = self.newest_ms?;
        if newest_ms > prev_ms {
            return None;
        }
        let age_ms = at_ms - newest_ms;
        let slower_than_judge = self.spacing_ms.filter(|spacing| *spacing > at_ms - prev_ms);
        match slower_than_judge {
            Some(spacing) if age_ms as f64 <= spacing as f64 * LATE_INTERVALS => None,
            _ => Some(age_ms),
        }
    }
}
