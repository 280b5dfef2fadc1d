//! The bounded series store that every source appends to and every query reads from. It knows
//! nothing of where samples come from.
//!
//! Samples are kept compressed, one to two bytes each. Rules that are evaluated over and over are
//! watched: what arrives goes to their sheets too, so that an evaluation reads no chunk.

mod bits;
mod codec;
mod column;
mod index;
mod limits;
mod recent;

use std::fmt;

use squall_query::ast::Expr;
use squall_query::incremental::{RuleId, Rules};
use squall_query::{
    Asker, EvalError, LOOKBACK_MS, Labels, Sample, Seen, Selector, Series, Storage, Value, Visitor,
    stale_marker,
};

use column::Column;
use index::Index;
pub use limits::{
    LABEL_BYTES_MAX, LABELS_MAX, Limits, RETENTION_MS, Refusal, Refused, SAMPLES_MAX, SERIES_MAX,
};
use recent::{Chosen, Recent};

/// What an append did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// The sample's series was new to the store.
    NewSeries,
    /// The series was known.
    Known,
}

/// A series of one store, for those who append to it again and again. It goes stale when the store
/// forgets the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeriesId {
    slot: u32,
    generation: u32,
}

/// The bounded store.
#[derive(Default)]
pub struct Store {
    limits: Limits,
    slots: Vec<Slot>,
    free: Vec<u32>,
    index: Index,
    rules: Rules,
    chosen: Chosen,
    samples: usize,
    refused: Refused,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    column: Option<Column>,
    /// Its newest samples, where somebody reads them again and again.
    recent: Option<Recent>,
}

impl Store {
    /// Builds an empty store.
    pub fn new(limits: Limits) -> Self {
        Store { limits, ..Store::default() }
    }

    /// Appends one sample. A refusal is also counted in [`Store::refused`].
    pub fn append(&mut self, labels: &Labels, t_ms: i64, v: f64) -> Result<Appended, Refusal> {
        self.append_new(labels, t_ms, v).map(|(_, appended)| appended)
    }

    /// Appends one sample and returns the id under which further ones can be appended.
    pub fn append_new(
        &mut self,
        labels: &Labels,
        t_ms: i64,
        v: f64,
    ) -> Result<(SeriesId, Appended), Refusal> {
        let sample = Sample { t_ms, v };
        let result = match self.id(labels) {
            Some(id) => self.push(id, sample).map(|()| (id, Appended::Known)),
            None => self.add(labels, sample).map(|id| (id, Appended::NewSeries)),
        };
        result.inspect_err(|refusal| self.refused.count(*refusal))
    }

    /// Appends one sample to a known series. [`Refusal::Gone`] is not counted: the caller appends
    /// by labels then.
    pub fn append_to(&mut self, id: SeriesId, t_ms: i64, v: f64) -> Result<(), Refusal> {
        self.push(id, Sample { t_ms, v }).inspect_err(|refusal| self.refused.count(*refusal))
    }

    /// Returns a series' id while the store holds it.
    pub fn id(&self, labels: &Labels) -> Option<SeriesId> {
        let slot = self.index.find(labels)?;
        Some(SeriesId { slot, generation: self.slots[slot as usize].generation })
    }

    /// Notes a time at which a counter is known to have been at zero; the latest one counts.
    /// A series that the store does not hold is left alone.
    pub fn born(&mut self, labels: &Labels, at_ms: i64) {
        if let Some(id) = self.id(labels) {
            self.born_at(id, at_ms);
        }
    }

    /// As [`Store::born`], for a series known by its id.
    pub fn born_at(&mut self, id: SeriesId, at_ms: i64) {
        if let Some(column) = self.column_mut(id) {
            column.created_ms = Some(column.created_ms.map_or(at_ms, |known| known.max(at_ms)));
        }
    }

    /// Marks a series as gone from this time on. A series the store does not hold is left alone.
    pub fn end(&mut self, labels: &Labels, t_ms: i64) {
        if let Some(id) = self.id(labels) {
            self.end_at(id, t_ms);
        }
    }

    /// As [`Store::end`], for a series known by its id.
    pub fn end_at(&mut self, id: SeriesId, t_ms: i64) {
        let open = |column: &Column| !column.newest.is_stale() && column.newest.t_ms < t_ms;
        if self.column(id).is_some_and(open) {
            // A full store refuses the marker too, and counts it.
            let _ = self.append_to(id, t_ms, stale_marker());
        }
    }

    /// Returns the time of a series' newest sample, markers included.
    pub fn newest_ms(&self, labels: &Labels) -> Option<i64> {
        self.newest_ms_of(self.id(labels)?)
    }

    /// As [`Store::newest_ms`], for a series known by its id.
    pub fn newest_ms_of(&self, id: SeriesId) -> Option<i64> {
        Some(self.column(id)?.newest.t_ms)
    }

    /// Drops what is older than the retention at this time, a chunk at a time, and series without
    /// a sample since.
    pub fn forget(&mut self, now_ms: i64) {
        let oldest_ms = now_ms.saturating_sub(self.limits.retention_ms);
        let mut gone = Vec::new();
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let Some(column) = &mut slot.column else { continue };
            if column.newest.t_ms < oldest_ms {
                self.samples -= column.len();
                (slot.column, slot.recent) = (None, None);
                slot.generation = slot.generation.wrapping_add(1);
                gone.push(at as u32);
            } else {
                self.samples -= column.forget(oldest_ms);
            }
        }
        if !gone.is_empty() {
            self.rules.gone(&gone);
            self.chosen.gone(&gone);
            self.free.extend(gone);
            // Places are given anew from the lowest on, so that series stay in their order.
            self.free.sort_unstable_by(|a, b| b.cmp(a));
            let held = self.slots.iter().enumerate();
            self.index.rebuild(
                held.filter_map(|(at, slot)| Some((at as u32, &slot.column.as_ref()?.labels))),
            );
        }
    }

    /// Keeps a rule's data at hand from now on; see [`Store::evaluate`]. Samples from `since_ms`
    /// less the rule's ranges on are read from what the store holds.
    pub fn watch(&mut self, expr: Expr, since_ms: i64) -> RuleId {
        let mut rules = std::mem::take(&mut self.rules);
        let rule = rules.add(expr, since_ms, &mut |selector, from_ms| {
            let mut asker = Asker::new(selector);
            let series = |slot| Some((slot, self.read(slot, &mut asker, from_ms, i64::MAX)?));
            self.index.candidates(selector).filter_map(series).collect()
        });
        self.rules = rules;
        rule
    }

    /// Evaluates a watched rule: the same answer as a full evaluation, at the cost of what arrived
    /// since the last one.
    pub fn evaluate(&mut self, rule: RuleId, at_ms: i64) -> Result<Value, EvalError> {
        let mut rules = std::mem::take(&mut self.rules);
        let value = rules.eval(rule, self, at_ms);
        self.rules = rules;
        value
    }

    /// Keeps the newest samples of some series at hand from now on, so that a reading of an
    /// indicator costs what arrived since the last one ([`Storage::visit_recent`]).
    pub fn keep_recent(&mut self, selectors: impl IntoIterator<Item = Selector>) {
        for selector in selectors {
            if self.chosen.places(&selector).is_some() {
                continue;
            }
            let mut asker = Asker::new(&selector);
            let matches =
                |slot: &u32| self.column_at(*slot).is_some_and(|c| asker.matches(&c.labels));
            let places: Vec<u32> = self.index.candidates(&selector).filter(matches).collect();
            for place in &places {
                let slot = &mut self.slots[*place as usize];
                let column = slot.column.as_ref().filter(|_| slot.recent.is_none());
                if let Some(column) = column {
                    slot.recent = Some(Recent::new(&column.between(i64::MIN, i64::MAX)));
                }
            }
            self.chosen.add(selector, places);
        }
    }

    /// Returns how many samples were refused since the start.
    pub fn refused(&self) -> Refused {
        self.refused
    }

    /// Returns the number of series held.
    pub fn series_len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Returns the number of samples held.
    pub fn samples_len(&self) -> usize {
        self.samples
    }

    /// Returns the bytes that all samples take in memory, with what is kept to read and append
    /// them, and without the labels and their index.
    pub fn sample_bytes(&self) -> usize {
        self.slots.iter().filter_map(|slot| slot.column.as_ref()).map(Column::sample_bytes).sum()
    }

    fn column_at(&self, slot: u32) -> Option<&Column> {
        self.slots.get(slot as usize)?.column.as_ref()
    }

    fn column(&self, id: SeriesId) -> Option<&Column> {
        let slot = self.slots.get(id.slot as usize)?;
        slot.column.as_ref().filter(|_| slot.generation == id.generation)
    }

    fn column_mut(&mut self, id: SeriesId) -> Option<&mut Column> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        slot.column.as_mut().filter(|_| slot.generation == id.generation)
    }

    fn push(&mut self, id: SeriesId, sample: Sample) -> Result<(), Refusal> {
        let full = self.samples >= self.limits.samples;
        let limit = self.limits.samples;
        let column = self.column_mut(id).ok_or(Refusal::Gone)?;
        if full {
            return Err(Refusal::Samples(limit));
        }
        if column.newest.t_ms >= sample.t_ms {
            return Err(Refusal::Order { newest_ms: column.newest.t_ms });
        }
        column.push(sample);
        if let Some(recent) = &mut self.slots[id.slot as usize].recent {
            recent.push(sample);
        }
        self.samples += 1;
        self.rules.arrived(id.slot, sample);
        Ok(())
    }

    fn add(&mut self, labels: &Labels, sample: Sample) -> Result<SeriesId, Refusal> {
        if self.samples >= self.limits.samples {
            return Err(Refusal::Samples(self.limits.samples));
        }
        if labels.bytes() > self.limits.label_bytes || labels.len() > self.limits.labels {
            return Err(Refusal::Labels(self.limits.label_bytes));
        }
        if self.series_len() >= self.limits.series {
            return Err(Refusal::Series(self.limits.series));
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let labels = self.index.add(slot, labels);
        self.rules.born(slot, &labels);
        self.rules.arrived(slot, sample);
        let wanted = self.chosen.born(slot, &labels);
        let held = &mut self.slots[slot as usize];
        held.recent = wanted.then(|| Recent::new(&[sample]));
        held.column = Some(Column::new(labels, sample));
        self.samples += 1;
        Ok(SeriesId { slot, generation: held.generation })
    }

    fn read(&self, slot: u32, asker: &mut Asker<'_>, start_ms: i64, end_ms: i64) -> Option<Series> {
        let column = self.column_at(slot)?;
        if !asker.matches(&column.labels) {
            return None;
        }
        let samples = column.between(start_ms, end_ms);
        let labels = column.labels.clone();
        Some(Series { labels, samples, created_ms: column.created_ms })
    }
}

impl Storage for Store {
    fn select(&self, selector: &Selector, start_ms: i64, end_ms: i64) -> Vec<Series> {
        let mut asker = Asker::new(selector);
        let places = self.index.candidates(selector);
        let found = places.filter_map(|slot| self.read(slot, &mut asker, start_ms, end_ms));
        found.filter(|series| !series.samples.is_empty()).collect()
    }

    fn visit(&self, selector: &Selector, start_ms: i64, end_ms: i64, see: &mut Visitor<'_>) {
        let (mut asker, mut samples) = (Asker::new(selector), Vec::new());
        for slot in self.index.candidates(selector) {
            let column = self.column_at(slot);
            let Some(column) = column.filter(|column| asker.matches(&column.labels)) else {
                continue;
            };
            samples.clear();
            column.read(start_ms, end_ms, &mut samples);
            show(column, &samples, see);
        }
    }

    fn visit_recent(
        &self,
        selector: &Selector,
        times @ (prev_ms, at_ms): (i64, i64),
        see: &mut Visitor<'_>,
    ) {
        let from_ms = prev_ms.saturating_sub(LOOKBACK_MS);
        let Some(places) = self.chosen.places(selector) else {
            return self.visit(selector, from_ms, at_ms, see);
        };
        let mut decoded = Vec::new();
        for place in places {
            let Some(slot) = self.slots.get(*place as usize) else { continue };
            let Some(column) = &slot.column else { continue };
            match slot.recent.as_ref().and_then(|recent| recent.read(times)) {
                Some(samples) => show(column, samples, see),
                None => {
                    decoded.clear();
                    column.read(from_ms, at_ms, &mut decoded);
                    show(column, &decoded, see);
                }
            }
        }
    }
}

fn show(column: &Column, samples: &[Sample], see: &mut Visitor<'_>) {
    if !samples.is_empty() {
        see(Seen { labels: &column.labels, samples, created_ms: column.created_ms });
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("series", &self.series_len())
            .field("samples", &self.samples)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use proptest::prelude::*;

    use squall_query::Selector;

    use super::*;

    fn labels(name: &str, pod: &str) -> Labels {
        Labels::named(name, [("pod", pod)])
    }

    fn times(store: &Store, name: &str, start_ms: i64, end_ms: i64) -> Vec<Vec<i64>> {
        let found = store.select(&Selector::metric(name), start_ms, end_ms);
        found.iter().map(|s| s.samples.iter().map(|s| s.t_ms).collect()).collect()
    }

    #[test]
    fn samples_come_back_by_name_and_range() {
        let mut store = Store::default();
        for t_ms in [1, 2, 3] {
            let new = store.append(&labels("a", "x"), t_ms, 0.5).unwrap();
            assert_eq!(new == Appended::NewSeries, t_ms == 1);
            store.append(&labels("b", "x"), t_ms, 0.5).unwrap();
        }
        assert_eq!(times(&store, "a", 2, 3), [[2, 3]]);
        assert_eq!(times(&store, "a", 4, 9), Vec::<Vec<i64>>::new());
        assert_eq!(store.select(&Selector::default().and("pod", "x"), 1, 1).len(), 2);
        assert_eq!(store.newest_ms(&labels("a", "x")), Some(3));
    }

    #[test]
    fn each_limit_refuses_and_counts() {
        let limits = Limits { series: 1, samples: 3, label_bytes: 20, labels: 2, retention_ms: 10 };
        let mut store = Store::new(limits);
        let known = labels("a", "x");
        store.append(&known, 1, 0.0).unwrap();
        assert_eq!(store.append(&known, 1, 0.0), Err(Refusal::Order { newest_ms: 1 }));
        assert_eq!(store.append(&labels("b", "x"), 1, 0.0), Err(Refusal::Series(1)));
        let long = labels("a", "a very long name of a pod");
        assert_eq!(store.append(&long, 1, 0.0), Err(Refusal::Labels(20)));
        store.append(&known, 2, 0.0).unwrap();
        store.append(&known, 3, 0.0).unwrap();
        assert_eq!(store.append(&known, 4, 0.0), Err(Refusal::Samples(3)));
        let refused = Refused { series: 1, samples: 1, labels: 1, order: 1 };
        assert_eq!((store.refused(), store.refused().total()), (refused, 4));
        store.forget(13);
        assert_eq!(store.samples_len(), 3, "a chunk goes as a whole, once all of it is too old");
        store.forget(100);
        assert_eq!((store.series_len(), store.samples_len()), (0, 0));
        store.append(&labels("b", "x"), 101, 0.0).unwrap();
        assert_eq!(times(&store, "b", 0, 200), [[101]]);
    }

    #[test]
    fn an_end_is_marked_once_and_a_birth_keeps_the_latest_time() {
        let mut store = Store::default();
        let a = labels("a", "x");
        store.end(&a, 1);
        store.born(&a, 1);
        assert_eq!(store.series_len(), 0);
        store.append(&a, 1, 0.0).unwrap();
        store.end(&a, 2);
        store.end(&a, 3);
        store.born(&a, 7);
        store.born(&a, 5);
        let found = store.select(&Selector::metric("a"), 0, 9).pop().unwrap();
        assert_eq!(found.samples.len(), 2);
        assert!(found.samples[1].is_stale());
        assert_eq!((found.created_ms, store.refused().total()), (Some(7), 0));
    }

    #[test]
    fn old_chunks_go_and_what_is_kept_comes_back() {
        let mut store = Store::new(Limits { retention_ms: 100_000, ..Limits::default() });
        for n in 0..1000 {
            store.append(&labels("a", "x"), n * 1000, n as f64).unwrap();
            store.forget(n * 1000);
        }
        let held = times(&store, "a", 0, i64::MAX);
        assert_eq!(held[0].len(), store.samples_len());
        assert!(held[0][0] <= 899_000 && held[0][0] >= 899_000 - 120_000, "{held:?}");
        assert_eq!(times(&store, "a", 950_000, 952_500), [[950_000, 951_000, 952_000]]);
        assert!(store.sample_bytes() / store.samples_len() < 3);
    }

    #[test]
    fn a_series_is_known_by_its_id_until_it_is_forgotten() {
        let mut store = Store::new(Limits { retention_ms: 10, ..Limits::default() });
        let (id, _) = store.append_new(&labels("a", "x"), 1, 5.0).unwrap();
        assert_eq!(store.id(&labels("a", "x")), Some(id));
        store.append_to(id, 2, 6.0).unwrap();
        assert_eq!(times(&store, "a", 0, 9), [[1, 2]]);
        store.forget(100);
        assert_eq!(store.append_to(id, 101, 1.0), Err(Refusal::Gone));
        let (new, _) = store.append_new(&labels("b", "x"), 101, 5.0).unwrap();
        assert!(new != id, "the place is another series' now");
        assert_eq!(store.append_to(id, 102, 1.0), Err(Refusal::Gone));
        assert_eq!(times(&store, "b", 0, 200), [[101]]);
    }

    #[test]
    fn watched_rules_follow_the_samples() {
        let mut store = Store::new(Limits { retention_ms: 120_000, ..Limits::default() });
        let text = r#"sum(rate(a{pod=~"x|y"}[30s])) / sum(rate(a[30s]))"#;
        let expr = squall_query::parse(text).unwrap();
        store.append(&labels("a", "x"), 0, 0.0).unwrap();
        let rule = store.watch(expr.clone(), 0);
        for n in 1..400_i64 {
            for (pod, rate) in [("x", 3), ("y", 5), ("z", 7)] {
                let gone = pod == "y" && (50..200).contains(&n);
                if !gone {
                    store.append(&labels("a", pod), n * 1000, (n * rate % 500) as f64).unwrap();
                }
            }
            store.forget(n * 1000);
            let full = squall_query::eval(&expr, &store, n * 1000).unwrap();
            assert_eq!(store.evaluate(rule, n * 1000).unwrap(), full, "at {n} s");
        }
        assert_eq!(store.series_len(), 3);
    }

    proptest! {
        #[test]
        fn a_store_never_exceeds_its_limits_and_counts_what_it_holds(
            steps in proptest::collection::vec((0..4_u8, 0..5_u8, 0..60_i64), 0..80)
        ) {
            let limits = Limits { series: 3, samples: 20, retention_ms: 15, ..Limits::default() };
            let mut store = Store::new(limits);
            for (what, pod, t_ms) in steps {
                let labels = labels("a", &pod.to_string());
                match what {
                    0 => store.forget(t_ms),
                    1 => store.end(&labels, t_ms),
                    2 => store.forget(0),
                    _ => drop(store.append(&labels, t_ms, 1.0)),
                }
                let held = times(&store, "a", i64::MIN, i64::MAX);
                prop_assert!(held.len() <= 3 && held.len() == store.series_len());
                prop_assert_eq!(held.iter().map(Vec::len).sum::<usize>(), store.samples_len());
                prop_assert!(store.samples_len() <= 20);
                prop_assert!(held.iter().all(|times| times.is_sorted_by(|a, b| a < b)));
            }
        }
    }
}
