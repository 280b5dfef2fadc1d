//! Owns a selector with its range and the windows of the series it matches.

use std::collections::HashMap;

use crate::ast::Grouping;
use crate::eval::signature;
use crate::incremental::tail::{Part, Tail};
use crate::labels::Labels;
use crate::selector::Selector;

/// What a rule reads: the series of one selector over one range. Rules that read the same share it.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) selector: Selector,
    pub(crate) range_ms: i64,
    pub(crate) members: Vec<Member>,
    groupings: Vec<Grouped>,
}

/// One series of a leaf and where its window begins.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) key: u32,
    pub(crate) labels: Labels,
    window: Window,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    from: u64,
    from_ms: i64,
    epoch: u32,
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
        Leaf { selector, range_ms, members: Vec::new(), groupings: Vec::new() }
    }

    /// Adds a series. Members are in the order of their keys, as a storage returns them: sums of
    /// floats and ties depend on the order.
    pub(crate) fn join(&mut self, key: u32, labels: &Labels) {
        let window = Window { from: 0, from_ms: i64::MIN, epoch: 0 };
        let member = Member { key, labels: labels.clone(), window };
        if self.members.last().is_none_or(|last| last.key < key) {
            self.groupings.iter_mut().for_each(|grouped| grouped.join(labels));
            self.members.push(member);
        } else {
            let at = self.members.partition_point(|known| known.key < key);
            self.members.insert(at, member);
            self.regroup();
        }
    }

    pub(crate) fn leave(&mut self, gone: &[u32]) {
        self.members.retain(|member| !gone.contains(&member.key));
        self.regroup();
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

    /// Splits the leaf so that windows can slide while a grouping is read.
    pub(crate) fn grouped(&mut self, at: usize) -> (&mut [Member], &Grouped) {
        (&mut self.members, &self.groupings[at])
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

/// The tail no longer has what a window needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Behind;

impl Member {
    /// Slides the window to `from_ms < t <= to_ms` and returns what is in it.
    pub(crate) fn slide(
        &mut self,
        tail: &Tail,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Option<Part>, Behind> {
        if from_ms < tail.gone_ms() {
            return Err(Behind);
        }
        let window = &mut self.window;
        window.from = if window.epoch == tail.epoch && window.from_ms <= from_ms {
            tail.slide(window.from, from_ms)
        } else {
            tail.first_after(from_ms)
        };
        (window.from_ms, window.epoch) = (from_ms, tail.epoch);
        Ok(tail.part(window.from, to_ms))
    }
}
