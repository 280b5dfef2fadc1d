//! Owns rung D: the share of an episode's excess that each injection explains.

use super::blame::walk;
use super::case::{Case, Episode, Injection, Measure};
use super::grid::Grid;
use super::own::{Model, Trouble};
use super::tag::{Effect, Settings};

/// Slots before an injection that show what its target had already.
const BEFORE: usize = 8;
/// The part of its trouble under a fault that a service must keep for the fault to go on in it.
const GOES_ON: f64 = 0.2;
/// Slots in which a layer of an episode begins.
const ONSET: usize = 5;
/// Slots from a fault's start within which what it begins is seen in the rule: its lag, queues
/// that fill, clocks that differ.
const STARTS: usize = 7;
/// What an injection is given of a share is this part of what began with it, the rest of what
/// leads to it down the calls. Neither alone is enough: where a system breaks down as a whole the
/// calls tell nothing apart, and what begins at the same time may do so by chance.
const BY_TIME: f64 = 0.6;
/// Deviations of a 95 % interval.
const DEVIATIONS: f64 = 1.96;

/// How an episode's excess is shared out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shares {
    /// One an injection: its share.
    pub(super) shares: Vec<f64>,
    /// One an injection: the share that began with it, whoever calls its target.
    pub(super) began: Vec<f64>,
    /// One an injection: the share to which calls lead.
    pub(super) led: Vec<f64>,
    /// One an injection: the excess a sample that it explains.
    pub(super) effects: Vec<Effect>,
    /// The share that no injection explains.
    pub(super) organic: f64,
}

/// Shares an episode's excess out among the injections that are still `open`; those whose target
/// is `called` by the rule's service, directly or not, may have begun what begins with them. None
/// where the rule's service has no series to start from.
pub(super) fn shares(
    case: &Case,
    model: &Model,
    episode: &Episode,
    (open, called): (&[bool], &[bool]),
    settings: &Settings,
) -> Option<Shares> {
    let entry = model.find(&episode.service)?;
    let trouble = match episode.measure {
        Measure::Latency => Trouble::Latency,
        _ => Trouble::Errors,
    };
    model.parts(entry, trouble)?;
    let grid = &model.grid;
    let excess = grid.track(&episode.excess);
    let (from, to) = (grid.slot(episode.from_ms), grid.slot(episode.to_ms));
    let reaches: Vec<Reach> = (case.injections.iter().zip(open))
        .map(|(injection, open)| Reach::of(model, injection, *open, settings))
        .collect();
    let smooth = smoothed(&excess);
    // Blame is looked at from before the episode, so that its beginning is seen whole.
    let begin = from.saturating_sub(2);
    let now: Vec<Vec<f64>> =
        (begin..=to).map(|slot| credits(model, &reaches, entry, trouble, slot)).collect();
    let first = from.saturating_sub(STARTS + 2);
    let (mut sums, mut organic, mut all) = (vec![0.0; reaches.len()], 0.0, 0.0);
    let mut started = vec![0.0; reaches.len()];
    for slot in from..=to {
        let weight = excess[slot].unwrap_or(0.0).max(0.0);
        if weight == 0.0 {
            continue;
        }
        all += weight;
        let here = &now[slot - begin];
        let unclaimed = (1.0 - here.iter().sum::<f64>()).max(0.0);
        let begun = begun(&smooth[begin..=slot], &now);
        let mut left = unclaimed;
        for (i, sum) in sums.iter_mut().enumerate() {
            // What nobody is doing now goes on from what began it.
            let inherited = unclaimed * begun.get(i).copied().unwrap_or(0.0);
            left -= inherited;
            *sum += weight * (here[i] + inherited);
        }
        organic += weight * left.max(0.0);
        for (at, layer) in layers(&smooth[first..=slot]) {
            for (sum, reach) in started.iter_mut().zip(&reaches) {
                *sum += if reach.starts(first + at) { weight * layer } else { 0.0 };
            }
        }
    }
    if all <= 0.0 {
        return None;
    }
    let (began, led) = (of(&started, all), of(&sums, all));
    for ((sum, started), called) in sums.iter_mut().zip(started).zip(called) {
        let by_time = if *called { started } else { 0.0 };
        *sum = BY_TIME * by_time + (1.0 - BY_TIME) * *sum;
    }
    let noise = noise(grid, &excess);
    let effects = (sums.iter().zip(&reaches))
        .map(|(sum, reach)| effect(*sum, noise, reach.slots_in(from, to)))
        .collect();
    Some(Shares { shares: of(&sums, all), began, led, effects, organic: organic / all })
}

/// Each of some sums, of a whole.
fn of(sums: &[f64], all: f64) -> Vec<f64> {
    sums.iter().map(|sum| sum / all).collect()
}

/// Who is responsible in one slot, one share an injection.
fn credits(
    model: &Model,
    reaches: &[Reach],
    entry: usize,
    trouble: Trouble,
    slot: usize,
) -> Vec<f64> {
    let mut shares = vec![0.0; reaches.len()];
    let is_disturbed = |at: usize| reaches.iter().any(|r| r.acts(slot) && r.services.contains(&at));
    for (at, part) in walk(model, entry, trouble, slot, &is_disturbed) {
        for (i, credit) in credit(model, reaches, at, slot) {
            shares[i] += part * credit;
        }
    }
    shares
}

/// Who began what goes on in the last slot of `excess`: a layer belongs to whoever was responsible
/// as it began. A retry storm outlives its trigger, and is the trigger's.
fn begun(excess: &[f64], now: &[Vec<f64>]) -> Vec<f64> {
    let mut shares = vec![0.0; now.first().map_or(0, Vec::len)];
    for (at, layer) in layers(excess) {
        let window = at..(at + ONSET).min(excess.len());
        let weights: f64 = window.clone().map(|t| excess[t].max(0.0)).sum();
        for t in window.filter(|_| weights > 0.0) {
            let weight = layer * excess[t].max(0.0) / weights;
            for (share, credit) in shares.iter_mut().zip(&now[t]) {
                *share += weight * credit;
            }
        }
    }
    shares
}

/// Cuts the level of the last slot into layers by when each was reached for good: the slot, and
/// the layer's share of the level. Nothing where there is no excess.
fn layers(excess: &[f64]) -> Vec<(usize, f64)> {
    let Some(level) = excess.last().filter(|level| **level > 0.0) else { return Vec::new() };
    let (mut reached, mut layers) = (*level, Vec::new());
    for at in (0..excess.len()).rev() {
        let below = if at == 0 { 0.0 } else { excess[at - 1].max(0.0).min(reached) };
        if reached > below {
            layers.push((at, (reached - below) / level));
        }
        reached = below;
    }
    layers
}

/// The median of five, holes left out.
fn smoothed(excess: &super::grid::Track) -> Vec<f64> {
    let middle = |at: usize| {
        let near = at.saturating_sub(2)..(at + 3).min(excess.len());
        super::grid::median(excess[near].iter().flatten().copied().collect()).unwrap_or(0.0)
    };
    (0..excess.len()).map(middle).collect()
}

/// The usual spread of a rule's excess.
pub(super) fn noise(grid: &Grid, excess: &super::grid::Track) -> f64 {
    let normal: Vec<f64> = excess[grid.normal.clone()].iter().flatten().copied().collect();
    let mean = normal.iter().sum::<f64>() / normal.len().max(1) as f64;
    let squares: f64 = normal.iter().map(|v| (v - mean).powi(2)).sum();
    (squares / normal.len().saturating_sub(1).max(1) as f64).sqrt()
}

fn effect(sum: f64, noise: f64, slots: usize) -> Effect {
    let slots = slots.max(1) as f64;
    let (value, reach) = (sum / slots, DEVIATIONS * noise / slots.sqrt());
    Effect { value, low: value - reach, high: value + reach, level: 0.95 }
}

/// Where and when an injection may be made responsible.
struct Reach {
    services: Vec<usize>,
    /// Slots in which it was on, first and last.
    from: usize,
    to: usize,
    /// The last slot to which its trouble went on.
    last: usize,
    /// By service: what its trouble was before, and while the fault was on.
    levels: Vec<(f64, f64)>,
    open: bool,
}

impl Reach {
    fn of(model: &Model, injection: &Injection, open: bool, settings: &Settings) -> Reach {
        let grid = &model.grid;
        let services: Vec<usize> =
            injection.services.iter().filter_map(|name| model.find(name)).collect();
        // A sample stands for the time before it, and clocks differ by about one.
        let (from, to) = (grid.slot(injection.from_ms), grid.slot(injection.to_ms) + 1);
        let to = to.min(grid.len.saturating_sub(1));
        let levels: Vec<(f64, f64)> = (services.iter())
            .map(|at| {
                let before = from.saturating_sub(BEFORE + 1)..from.saturating_sub(1);
                (mean(model, *at, before), mean(model, *at, from..to + 1))
            })
            .collect();
        let tail = grid.slot(injection.to_ms.saturating_add(settings.tail_max_ms));
        let goes_on = |slot: &usize| {
            services.iter().zip(&levels).any(|(at, (before, during))| {
                let now = mean(model, *at, *slot..(*slot + 3).min(grid.len));
                now > before.max(0.0) + GOES_ON * (during - before).max(0.0) && during > before
            })
        };
        let last = (to + 1..=tail).take_while(goes_on).last().unwrap_or(to);
        Reach { services, from, to, last, levels, open }
    }

    /// Whether what begins in a slot began with it.
    fn starts(&self, slot: usize) -> bool {
        self.open && (self.from.saturating_sub(1)..=self.from + STARTS).contains(&slot)
    }

    fn acts(&self, slot: usize) -> bool {
        self.open && (self.from..=self.last).contains(&slot)
    }

    fn slots_in(&self, from: usize, to: usize) -> usize {
        (self.to.min(to) + 1).saturating_sub(self.from.max(from))
    }
}

/// Who is responsible for trouble that arose at a service in a slot, and for which part of it.
fn credit(model: &Model, reaches: &[Reach], at: usize, slot: usize) -> Vec<(usize, f64)> {
    let mut found = Vec::new();
    for (i, reach) in reaches.iter().enumerate().filter(|(_, r)| r.acts(slot)) {
        let Some(place) = reach.services.iter().position(|s| *s == at) else { continue };
        let now = level(model, at, slot);
        let before = reach.levels[place].0;
        // What was there before the fault is not the fault's.
        let new = if now > 0.0 { ((now - before) / now).clamp(0.0, 1.0) } else { 1.0 };
        found.push((i, new));
    }
    if found.is_empty() {
        found = unseen(model, reaches, at, slot);
    }
    let count = found.len().max(1) as f64;
    found.into_iter().map(|(i, new)| (i, new / count)).collect()
}

/// A caller whose calls nobody measured takes the trouble of its callee for its own, where the
/// callee does not see it: calls that are lost on the way.
fn unseen(model: &Model, reaches: &[Reach], at: usize, slot: usize) -> Vec<(usize, f64)> {
    let mut found = Vec::new();
    for e in model.nodes[at].below.iter().filter(|e| !model.edges[**e].is_seen()) {
        let callee = model.edges[*e].to;
        for (i, _) in
            reaches.iter().enumerate().filter(|(_, r)| r.acts(slot) && r.services.contains(&callee))
        {
            found.push((i, 1.0));
        }
    }
    found
}

/// How bad a service's own trouble is, its kinds together: failed shares of its requests and of
/// calls to it, and its own time in units of what is usual.
pub(super) fn level(model: &Model, at: usize, slot: usize) -> f64 {
    let node = &model.nodes[at];
    let errors = node.errors.as_ref().map_or(0.0, |p| p.own[slot]);
    let latency = node.latency.as_ref().map_or(0.0, |p| p.own[slot] / p.noise.max(1e-4) * 0.005);
    let served = node.errors.as_ref().map_or(0.0, |p| p.total[slot]);
    let lost = (node.above.iter())
        .filter_map(|e| model.edges[*e].fails.get(slot))
        .fold(0.0f64, |worst, fails| worst.max(fails - served));
    errors.max(latency.min(1.0)).max(lost)
}

fn mean(model: &Model, at: usize, slots: std::ops::Range<usize>) -> f64 {
    let slots = slots.start.min(model.grid.len)..slots.end.min(model.grid.len);
    let count = slots.len().max(1) as f64;
    slots.map(|slot| level(model, at, slot)).sum::<f64>() / count
}

/// Rung C by the target's own series: whether it was worse while the fault was on than it is at
/// its worst before, in more than half of the `windows` in which it was. None where the target has
/// no series.
pub(super) fn bit(model: &Model, injection: &Injection, windows: &[(i64, i64)]) -> Option<bool> {
    let first = windows.iter().map(|window| window.0).min()?;
    let suffered = |window: &(i64, i64)| {
        let suffering = suffering(model, injection, first, *window)?;
        Some(suffering.iter().any(|worse| {
            let count = worse.iter().filter(|w| **w).count();
            count >= 3 && count as f64 >= 0.25 * worse.len() as f64
        }))
    };
    let suffered: Vec<bool> = windows.iter().filter_map(suffered).collect();
    let count = suffered.iter().filter(|suffered| **suffered).count();
    (!suffered.is_empty()).then_some(2 * count > suffered.len())
}

/// For each series of an injection's target: in which slots of a window it was worse than at its
/// worst before `first`.
fn suffering(
    model: &Model,
    injection: &Injection,
    first: i64,
    window: (i64, i64),
) -> Option<Vec<Vec<bool>>> {
    let grid = &model.grid;
    let (from, to) = (grid.slot(window.0), grid.slot(window.1) + 1);
    let first = grid.slot(first);
    let before = first.saturating_sub(40)..first.saturating_sub(1);
    let during = from..to.min(grid.len);
    if before.len() < BEFORE || during.is_empty() {
        return None;
    }
    let mut all = Vec::new();
    for at in injection.services.iter().filter_map(|name| model.find(name)) {
        for series in symptoms(model, at) {
            let mut usual: Vec<f64> = before.clone().map(|slot| series[slot]).collect();
            usual.sort_by(f64::total_cmp);
            let limit = usual[usual.len() * 95 / 100];
            let middle = usual[usual.len() / 2];
            let limit = limit + 0.5 * (limit - middle).abs() + 1e-9;
            all.push(during.clone().map(|slot| series[slot] > limit).collect());
        }
    }
    (!all.is_empty()).then_some(all)
}

/// The series in which a fault on a service would show.
fn symptoms(model: &Model, at: usize) -> Vec<Vec<f64>> {
    let node = &model.nodes[at];
    let mut all = Vec::new();
    for parts in [&node.errors, &node.latency].into_iter().flatten() {
        all.push(parts.own.clone());
    }
    for resource in &node.resources {
        all.push(model.grid.above(resource));
    }
    for e in &node.above {
        let edge = &model.edges[*e];
        if !edge.fails.is_empty() {
            let served = node.errors.as_ref().map(|p| p.total.as_slice()).unwrap_or_default();
            let lost = edge.fails.iter().enumerate();
            all.push(lost.map(|(t, f)| f - served.get(t).copied().unwrap_or(0.0)).collect());
        }
    }
    for caller in node.above.iter().map(|e| &model.edges[*e]).filter(|e| !e.is_seen()) {
        // Where callers do not measure their calls, what is lost on the way looks like theirs.
        let caller = &model.nodes[caller.from];
        all.extend([&caller.errors, &caller.latency].into_iter().flatten().map(|p| p.own.clone()));
    }
    for e in &node.below {
        let edge = &model.edges[*e];
        if edge.is_seen() && !node.requests.is_empty() {
            // More calls a request: lost caches, retries.
            all.push(model.grid.above(&super::grid::ratio(&edge.attempts, &node.requests)));
        }
    }
    all
}
