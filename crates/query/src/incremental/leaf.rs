//! Owns a selector with its range, the series it matches, and where they are.

use std::collections::{HashMap, HashSet};

use crate::ast::Grouping;
use crate::eval::signature;
use crate::incremental::SeriesKey;
use crate::incremental::sheets::{Found, Sheets};
use crate::labels::Labels;
use crate::selector::Selector;

/// What a rule reads: the series of one selector over one range. Rules that read the same share it.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) selector: Selector,
    pub(crate) range_ms: i64,
    pub(crate) members: Vec<Member>,
    groupings: Vec<Grouped>,
    layout: Layout,
}

/// One series of a leaf.
#[derive(Debug)]
pub(crate) struct Member {
    key: SeriesKey,
    pub(crate) labels: Labels,
}

/// Where the members are: the columns of one sheet after those of another.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// A sheet and how many of the columns are in it.
    pub(super) runs: Vec<(u32, usize)>,
    /// For each member that has a column its place among the members, and the column.
    pub(super) columns: Vec<(u32, u32)>,
    /// Up to this time samples of members without a column may be missing.
    pub(super) gone_ms: i64,
    /// Some members have no column yet.
    awaits: bool,
    /// What of the sheets this layout is of; none where it was never made.
    of: Option<(u64, u64)>,
}

/// Which group each member is in; worked out once, since labels never change.
#[derive(Debug)]
pub(crate) struct Grouped {
    by: Grouping,
    keys: HashMap<Labels, u32>,
    pub(crate) labels: Vec<Labels>,
    pub(crate) of_member: Vec<u32>,
}

impl Leaf {
    pub(crate) fn new(selector: Selector, range_ms: i64) -> Leaf {
        let (members, groupings, layout) = (Vec::new(), Vec::new(), Layout::default());
        Leaf { selector, range_ms, members, groupings, layout }
    }

    /// Adds a series. Members are in the order of their keys, as a storage returns them: sums of
    /// floats and ties depend on the order.
    pub(crate) fn join(&mut self, key: SeriesKey, labels: &Labels) {
        let member = Member { key, labels: labels.clone() };
        self.layout.of = None;
        if self.members.last().is_none_or(|last| last.key < key) {
            self.groupings.iter_mut().for_each(|grouped| grouped.join(labels));
            self.members.push(member);
        } else {
            let at = self.members.partition_point(|known| known.key < key);
            self.members.insert(at, member);
            self.regroup();
        }
    }

    pub(crate) fn leave(&mut self, gone: &HashSet<SeriesKey>) {
        let before = self.members.len();
        self.members.retain(|member| !gone.contains(&member.key));
        if self.members.len() < before {
            self.layout.of = None;
            self.regroup();
        }
    }

    fn regroup(&mut self) {
        let by: Vec<Grouping> = self.groupings.drain(..).map(|grouped| grouped.by).collect();
        for by in &by {
            self.group(by);
        }
    }

    /// Returns the place of a grouping in this leaf, made at its first use.
    pub(crate) fn group(&mut self, by: &Grouping) -> usize {
        if let Some(at) = self.groupings.iter().position(|grouped| grouped.by == *by) {
            return at;
        }
        let mut grouped = Grouped {
            by: by.clone(),
            keys: HashMap::new(),
            labels: Vec::new(),
            of_member: Vec::with_capacity(self.members.len()),
        };
        self.members.iter().for_each(|member| grouped.join(&member.labels));
        self.groupings.push(grouped);
        self.groupings.len() - 1
    }

    /// Looks where the members are, unless nothing has moved since the last look.
    pub(super) fn lay_out(&mut self, sheets: &Sheets) {
        let now = (sheets.moves, sheets.settled);
        let same = |of: (u64, u64)| of == now || of.0 == now.0 && !self.layout.awaits;
        if self.layout.of.is_some_and(same) {
            return;
        }
        let layout = &mut self.layout;
        (layout.of, layout.gone_ms, layout.awaits) = (Some(now), i64::MIN, false);
        layout.runs.clear();
        layout.columns.clear();
        for (at, member) in self.members.iter().enumerate() {
            let place = match sheets.find(member.key) {
                Some(Found::At(place)) => place,
                Some(Found::Awaited { gone_ms }) => {
                    (layout.awaits, layout.gone_ms) = (true, layout.gone_ms.max(gone_ms));
                    continue;
                }
                // Nothing is known of it, which no evaluation should take for an answer.
                None => {
                    layout.gone_ms = i64::MAX;
                    continue;
                }
            };
            match layout.runs.last_mut() {
                Some((sheet, len)) if *sheet == place.sheet => *len += 1,
                _ => layout.runs.push((place.sheet, 1)),
            }
            layout.columns.push((at as u32, place.column));
        }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn grouped(&self, at: usize) -> &Grouped {
        &self.groupings[at]
    }
}

impl Grouped {
    fn join(&mut self, labels: &Labels) {
        let key = signature(labels, &self.by);
        let next = self.labels.len() as u32;
        let group = *self.keys.entry(key.clone()).or_insert(next);
        if group == next {
            self.labels.push(key);
        }
        self.of_member.push(group);
    }
}
