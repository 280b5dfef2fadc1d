//! Owns the sources: pulls all of them at once, and reads the indicators from what they brought.

use crate::core::{Event, Purpose};
use crate::prepare::Watched;
use squall_query::incremental::RuleId;
use squall_query::indicator::{Counts, Gap, Reading, UP};
use squall_query::{Selector, Series, Storage, Visitor};
use squall_signals::{Pulled, Source, SourceError, Store};
use squall_wire::record::{self, Unit};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// The shortest time a source is given, however often samples are taken: a busy loopback
/// answers within a few milliseconds.
const DEADLINE_MIN: Duration = Duration::from_millis(100);
/// The longest: a pull that takes longer is no sample of this moment.
const DEADLINE_MAX: Duration = Duration::from_secs(10);
/// Warnings waiting to be told; more of them say nothing new.
const WARNINGS_MAX: usize = 64;

/// All sources, each with the store it fills.
pub(super) struct Pulls {
    /// The sources that are not being pulled.
    homes: Vec<Option<Home>>,
    watched: Vec<Watched>,
    /// The indicators' queries as rules of the one store, so that a reading costs what arrived
    /// since the last one. A query over several stores is evaluated in full.
    rules: Vec<RuleId>,
    wanted: Arc<[Selector]>,
    deadline: Duration,
    tasks: JoinSet<Done>,
    under_way: Option<UnderWay>,
    prev_ms: i64,
    warnings: VecDeque<String>,
}

struct Home {
    source: Box<dyn Source>,
    store: Store,
    /// What it last complained of, so that a dead source is told once.
    said: String,
}

#[derive(Clone, Copy)]
struct UnderWay {
    pull: u64,
    purpose: Purpose,
    at_ms: i64,
}

struct Done {
    index: usize,
    home: Home,
    result: Result<Pulled, String>,
}

impl Pulls {
    pub(super) fn new(
        sources: Vec<Box<dyn Source>>,
        watched: Vec<Watched>,
        every: Duration,
    ) -> Pulls {
        let home = |source| Some(Home { source, store: Store::default(), said: String::new() });
        let wanted: Arc<[Selector]> =
            watched.iter().flat_map(|w| w.indicator.selectors()).collect();
        let mut homes: Vec<Option<Home>> = sources.into_iter().map(home).collect();
        for home in homes.iter_mut().flatten() {
            // What tells whether a target answered is looked at as often as what is counted.
            home.store.keep_recent(wanted.iter().cloned().chain([Selector::metric(UP)]));
        }
        let rules = match homes.as_mut_slice() {
            [Some(home)] => {
                // The store is empty: everything that a rule reads is still to arrive.
                let watch = |w: &Watched| home.store.watch(w.indicator.expr().clone(), 0);
                watched.iter().map(watch).collect()
            }
            _ => Vec::new(),
        };
        Pulls {
            homes,
            watched,
            rules,
            wanted,
            deadline: every.clamp(DEADLINE_MIN, DEADLINE_MAX),
            tasks: JoinSet::new(),
            under_way: None,
            prev_ms: 0,
            warnings: VecDeque::new(),
        }
    }

    /// Pulls every source that is at home.
    pub(super) fn start(&mut self, pull: u64, purpose: Purpose, at_ms: i64) {
        // Two windows may meet within a millisecond, and sources tell times apart by it.
        let at_ms = at_ms.max(self.prev_ms.saturating_add(1));
        self.under_way = Some(UnderWay { pull, purpose, at_ms });
        for index in 0..self.homes.len() {
            let Some(mut home) = self.homes[index].take() else { continue };
            let (wanted, deadline) = (self.wanted.clone(), self.deadline);
            self.tasks.spawn(async move {
                let pulling = home.source.pull(at_ms, &wanted, &mut home.store);
                let result = match tokio::time::timeout(deadline, pulling).await {
                    Ok(result) => result.map_err(|error: SourceError| error.to_string()),
                    Err(_) => Err(format!("no answer within {} ms", deadline.as_millis())),
                };
                Done { index, home, result }
            });
        }
    }

    /// Waits until the pull under way is over.
    pub(super) async fn next(&mut self) -> Event {
        let Some(under_way) = self.under_way else { return std::future::pending().await };
        while let Some(done) = self.tasks.join_next().await {
            // A source that panics is lost with its store: its indicators go silent, and silence
            // is never a pass.
            if let Ok(done) = done {
                self.back(done, under_way.at_ms);
            }
        }
        self.under_way = None;
        let UnderWay { pull, purpose, at_ms } = under_way;
        let prev_ms = std::mem::replace(&mut self.prev_ms, at_ms);
        let readings = match purpose {
            Purpose::Reference => Vec::new(),
            Purpose::Sample => self.read(prev_ms, at_ms),
        };
        Event::Pulled { pull, readings }
    }

    /// Something the sources said that has not been told yet.
    pub(super) fn warning(&mut self) -> Option<Event> {
        let text = self.warnings.pop_front()?;
        Some(Event::Warning { code: "source".into(), text })
    }

    fn back(&mut self, done: Done, at_ms: i64) {
        let Done { index, mut home, result } = done;
        let said = match result {
            Ok(pulled) => pulled.warnings.join("; "),
            Err(why) => why,
        };
        if said != home.said && !said.is_empty() && self.warnings.len() < WARNINGS_MAX {
            self.warnings.push_back(format!("{}: {said}", home.source.describe()));
        }
        home.said = said;
        home.store.forget(at_ms);
        self.homes[index] = Some(home);
    }

    fn read(&mut self, prev_ms: i64, at_ms: i64) -> Vec<record::Reading> {
        let mut evaluated = Vec::new();
        if let [Some(home)] = self.homes.as_mut_slice() {
            evaluated.extend(self.rules.iter().map(|rule| home.store.evaluate(*rule, at_ms)));
        }
        let mut evaluated = evaluated.into_iter();
        let all = AllStores(&self.homes);
        let read = |watched: &Watched| {
            let (indicator, bound) = (&watched.indicator, watched.bound);
            let reading = match evaluated.next() {
                Some(value) => indicator.read_evaluated(value, &all, (prev_ms, at_ms), bound),
                None => indicator.read(&all, prev_ms, at_ms, bound),
            };
            let arms = super::arms::read(&all, watched, prev_ms, at_ms);
            record::Reading { arms, ..recorded(watched, reading) }
        };
        self.watched.iter().map(read).collect()
    }
}

/// The stores of all sources as one.
struct AllStores<'h>(&'h [Option<Home>]);

impl Storage for AllStores<'_> {
    fn select(&self, selector: &Selector, start_ms: i64, end_ms: i64) -> Vec<Series> {
        let homes = self.0.iter().flatten();
        homes.flat_map(|home| home.store.select(selector, start_ms, end_ms)).collect()
    }

    fn visit(&self, selector: &Selector, start_ms: i64, end_ms: i64, see: &mut Visitor<'_>) {
        for home in self.0.iter().flatten() {
            home.store.visit(selector, start_ms, end_ms, see);
        }
    }

    fn visit_recent(&self, selector: &Selector, times: (i64, i64), see: &mut Visitor<'_>) {
        for home in self.0.iter().flatten() {
            home.store.visit_recent(selector, times, see);
        }
    }
}

fn recorded(watched: &Watched, reading: Reading) -> record::Reading {
    let counts = reading.counts;
    // No events is no gap: the source answered, and there is nothing a share could be of.
    let gap = reading
        .gap
        .filter(|gap| counts.is_none() || !matches!(gap, Gap::NotANumber | Gap::EmptyVector));
    let share = counts.filter(|counts| counts.total > 0 && watched.unit == Unit::Share);
    let own = share.map(|Counts { total, bad_least, .. }| {
        let bad = bad_least as f64 / total as f64;
        if watched.bound.op.wants_more() { 1.0 - bad } else { bad }
    });
    let finite = |value: f64| Some(value).filter(|v| v.is_finite());
    let query_value = reading.value.and_then(finite);
    // What is counted is shown as it was since the last sample; a window would smooth it.
    let value = match counts {
        Some(_) if watched.unit == Unit::Share => own,
        Some(_) => reading.estimate,
        None => query_value,
    };
    record::Reading {
        value,
        query_value,
        total: counts.map(|c| c.total),
        bad_least: counts.map(|c| c.bad_least),
        bad_most: counts.map(|c| c.bad_most),
        gap: gap.map(|gap| gap.to_string()),
        ..record::Reading::default()
    }
}
