//! Owns which series have which labels, and the texts that label sets share.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use squall_query::{Labels, MatchOp, Selector};

/// The places of the series, by their labels.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_labels: HashMap<Labels, u32>,
    /// For each label's name and value, the series that have it, in the order of their places.
    postings: HashMap<Arc<str>, HashMap<Arc<str>, Vec<u32>>>,
    texts: HashSet<Arc<str>>,
    all: Vec<u32>,
}

impl Index {
    /// Returns the place of a series.
    pub(super) fn find(&self, labels: &Labels) -> Option<u32> {
        self.by_labels.get(labels).copied()
    }

    /// Lists a series and returns its labels with their texts shared.
    pub(super) fn add(&mut self, place: u32, labels: &Labels) -> Labels {
        let texts = &mut self.texts;
        let shared = labels.shared(|text| match texts.get(text) {
            Some(known) => known.clone(),
            None => {
                texts.insert(text.clone());
                text.clone()
            }
        });
        self.list(place, &shared);
        shared
    }

    /// Lists all series anew, after some have gone.
    pub(super) fn rebuild<'l>(&mut self, series: impl Iterator<Item = (u32, &'l Labels)>) {
        self.by_labels.clear();
        self.postings.clear();
        self.all.clear();
        series.for_each(|(place, labels)| self.list(place, labels));
        // Texts that only this set still holds belong to nothing.
        self.texts.retain(|text| Arc::strong_count(text) > 1);
    }

    /// Returns the places of the series that can match, in their order; the caller still asks
    /// each.
    pub(super) fn candidates(&self, selector: &Selector) -> impl Iterator<Item = u32> {
        let mut fewest: &[u32] = &self.all;
        for matcher in &selector.matchers {
            if matcher.op == MatchOp::Equal && !matcher.value.is_empty() {
                let of_name = self.postings.get(matcher.name.as_str());
                let listed = of_name.and_then(|values| values.get(matcher.value.as_str()));
                let listed = listed.map_or(&[][..], Vec::as_slice);
                if listed.len() < fewest.len() {
                    fewest = listed;
                }
            }
        }
        fewest.iter().copied()
    }

    fn list(&mut self, place: u32, labels: &Labels) {
        for (name, value) in labels.pairs() {
            let values = self.postings.entry(name.clone()).or_default();
            insert(values.entry(value.clone()).or_default(), place);
        }
        insert(&mut self.all, place);
        self.by_labels.insert(labels.clone(), place);
    }
}

fn insert(places: &mut Vec<u32>, place: u32) {
    match places.last() {
        Some(last) if *last > place => {
            let at = places.partition_point(|known| *known < place);
            places.insert(at, place);
        }
        _ => places.push(place),
    }
}
