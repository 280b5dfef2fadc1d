//! Owns how a toggled run is driven through a made-up system: slot by slot, with the traffic
//! paused where the system does not come back in a rest, as the engine does it.

use super::overlap::EVERY_MS;
use super::world::flow::{Detail, simulate};
use super::world::observe::RuleSeries;
use super::world::scenario::Slots;
use super::world::{Scenario, observe_rules};
use squall_judge::reading::{Counts, Indicator, Reading, Rule};
use squall_judge::recovery::{BACK_AFTER, Recovery};

/// The most that one drain may take, with what follows until the service is back, in slots.
const DRAIN_MAX: usize = 5;

/// What became of a schedule.
pub(super) struct Driven {
    /// The slots that took place.
    pub(super) slots: Vec<(usize, usize)>,
    /// Set where a rule was broken again without any fault once the traffic was back: these ticks.
    pub(super) persists: Option<(usize, usize)>,
}

/// Drives the schedule and leaves in the scenario what was done to it.
pub(super) fn drive(scenario: &mut Scenario, slots: Slots, planned: usize, after: usize) -> Driven {
    scenario.driven.day = Some(scenario.ticks);
    let mut run = Run { scenario, length: slots.length, planned, rules: Vec::new() };
    run.lay_out(0, slots.from);
    for slot in 0..planned {
        let (from, to) = run.scenario.driven.slots[slot];
        if slot % 2 == 0 || slot + 1 == planned || run.back(from, to).is_some() {
            continue;
        }
        if let Err(persists) = run.drain(slot, to + 1) {
            // The drain takes place, and the scenario goes on as long as it does.
            run.scenario.driven.slots.truncate(slot + 1);
            run.scenario.driven.uncounted.push((to + 1, persists.1));
            run.scenario.ticks = persists.1 + 1 + after;
            return run.done(Some(persists));
        }
    }
    run.scenario.ticks = run.scenario.driven.slots[planned - 1].1 + 1 + after;
    run.done(None)
}

struct Run<'s> {
    scenario: &'s mut Scenario,
    length: usize,
    planned: usize,
    rules: Vec<RuleSeries>,
}

impl Run<'_> {
    fn done(self, persists: Option<(usize, usize)>) -> Driven {
        Driven { slots: self.scenario.driven.slots.clone(), persists }
    }

    /// Lays the slots from one on out one after the other, and looks at what happens then.
    fn lay_out(&mut self, slot: usize, from: usize) {
        let length = self.length;
        let at = |i: usize| (from + i * length, from + (i + 1) * length - 1);
        self.scenario.driven.slots.truncate(slot);
        self.scenario.driven.slots.extend((0..self.planned - slot).map(at));
        self.look(from + (self.planned - slot) * length);
    }

    fn look(&mut self, until: usize) {
        self.scenario.ticks = until;
        let present = vec![true; self.scenario.disturbances.len()];
        let trace = simulate(self.scenario, &present, Detail::Rules);
        self.rules = observe_rules(self.scenario, &trace);
    }

    /// Pauses the traffic until the service is back with it; or tells the last ticks in which it
    /// was not.
    fn drain(&mut self, slot: usize, from: usize) -> Result<(), (usize, usize)> {
        let (mut tick, mut pause, mut seen) = (from, self.length, (from, from));
        // No fault is on from here until it is known when the next slot begins.
        self.scenario.driven.slots.truncate(slot + 1);
        let far = from + 100 * DRAIN_MAX * self.length;
        self.scenario.driven.slots.resize(self.planned, (far, far));
        while tick + pause + self.length <= from + DRAIN_MAX * self.length {
            self.scenario.driven.paused.push((tick, tick + pause - 1));
            let (open, until) = (tick + pause, tick + pause + self.length);
            self.look(until);
            if let Some(back) = self.back(open, until - 1) {
                self.scenario.driven.uncounted.push((from, back));
                self.lay_out(slot + 1, back + 1);
                return Ok(());
            }
            (tick, pause, seen) = (until, 2 * pause, (open, until - 1));
        }
        Err(seen)
    }

    /// When the service was back inside its bounds, if it still is at the end: the judge's own
    /// rule, told the samples of these ticks.
    fn back(&self, from: usize, to: usize) -> Option<usize> {
        let indicators: Vec<Indicator> = self.rules.iter().map(indicator).collect();
        let samples = (self.planned * self.length / 2) as u64;
        let mut recovery = Recovery::new(Rule { samples, ..BACK }, &indicators);
        for tick in from..=to {
            let readings: Vec<Reading> =
                self.rules.iter().map(|rule| reading(rule.counts[tick].1)).collect();
            recovery.sample(((tick - from) as i64 * EVERY_MS) as u64, &readings);
        }
        let inside = recovery.progress().inside_ms? as usize / EVERY_MS as usize + from;
        let back = inside + BACK_AFTER as usize - 1;
        (back <= to).then_some(back)
    }
}

/// Three in a row end a return.
const BACK: Rule = Rule {
    consecutive: BACK_AFTER,
    literal: false,
    alpha: 0.01,
    evidence_aborts: false,
    samples: 0,
    rho: 0.0,
};

fn indicator(rule: &RuleSeries) -> Indicator {
    Indicator {
        name: rule.service.clone(),
        bound: rule.allowed,
        at_least: false,
        strict: false,
        bad_share: Some(rule.allowed),
        is_share: true,
    }
}

fn reading(counts: Option<(u64, u64)>) -> Reading {
    let Some((total, bad)) = counts else { return Reading::missing("no scrape") };
    let value = (total > 0).then(|| bad as f64 / total as f64);
    let counts = Some(Counts { total, bad_least: bad, bad_most: bad });
    Reading { value, counts, gap: None }
}
