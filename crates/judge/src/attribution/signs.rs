//! Owns the signs by which a declared fault is told to be a cause of an episode or not: what its
//! dose makes likely before anything is looked at, and what its target, the rule and the system as
//! a whole did as it began and ended.
//!
//! Signs are ratios and shares, never absolute sizes, so that they mean the same in any system. A
//! sign that the data does not give is NaN.

use super::case::{Case, Dose, Episode, Injection};
use super::grid::{Track, median, ratio};
use super::own::Model;
use super::share::{Shares, noise};
use std::ops::Range;

/// How many signs there are.
pub const COUNT: usize = 23;

/// The signs of one injection for one episode, in the order of [`NAMES`].
pub type Signs = [f64; COUNT];

/// What each sign is called.
pub const NAMES: [&str; COUNT] = [
    "share of the excess that began with it",
    "share of the excess that calls lead to it",
    "share of the excess while it was on",
    "slots from its start to the episode's",
    "rise of the rule's excess at its start (log)",
    "fall of the rule's excess at its end, of the episode's level",
    "target's latency after its start, of usual (log)",
    "target's latency while on, of just before (log)",
    "target's latency after its end, of while on (log)",
    "use predicted of the target without the capacity taken",
    "change of the target's use at its end",
    "target's requests after its start, of usual",
    "failed share of calls to the target after its start",
    "calls to the target that are lost on the way",
    "dose: share of requests or capacity",
    "dose: delay, of the target's usual latency",
    "traffic as the episode begins, of usual",
    "calls of the target for one request of the rule",
    "calls from the rule's service to the target, in steps",
    "whether it was seen to act",
    "rise of the target's failed share at its start",
    "latency added to the target at its start, of usual",
    "rise of the share of broken services at its start",
];

/// Slots before a start without which nothing is known to be usual.
const QUIET_MIN: usize = 8;
/// Slots before a start that show what was just before.
const BEFORE: usize = 6;
/// From when a service counts as broken: this many times its usual latency,
const SLOW: f64 = 2.0;
/// or this much more of its requests failed than usual.
const FAILING: f64 = 0.05;
/// The longest way of calls.
const STEPS_MAX: usize = 16;
/// Calls for one request beyond which more mean nothing.
const CALLS_MAX: f64 = 100.0;
/// Added before a logarithm of latencies or uses is taken.
const TINY: f64 = 1e-6;

/// What is the same for all episodes of a case.
pub(super) struct System<'c> {
    case: &'c Case,
    model: &'c Model,
    /// By slot: the share of services that are broken.
    broken: Track,
    /// By service: the share of requests that failed.
    failed: Vec<Track>,
}

impl<'c> System<'c> {
    pub(super) fn of(case: &'c Case, model: &'c Model) -> System<'c> {
        let failed: Vec<Track> =
            model.nodes.iter().map(|n| ratio(&n.raw_errors, &n.requests)).collect();
        let known: Vec<usize> =
            (0..model.nodes.len()).filter(|at| !model.nodes[*at].raw_latency.is_empty()).collect();
        let usual: Vec<(f64, f64)> = (known.iter())
            .map(|at| {
                let grid = &model.grid;
                (grid.usual(&model.nodes[*at].raw_latency), grid.usual(&failed[*at]))
            })
            .collect();
        let broken = |slot: usize| {
            let is_broken = |(at, (latency, failing)): (&usize, &(f64, f64))| {
                let slow = model.nodes[*at].raw_latency[slot].is_some_and(|l| l > SLOW * latency);
                let share = failed[*at].get(slot).copied().flatten();
                slow || share.is_some_and(|share| share > failing + FAILING)
            };
            let count = known.iter().zip(&usual).filter(|pair| is_broken(*pair)).count();
            (!known.is_empty()).then(|| count as f64 / known.len() as f64)
        };
        let broken = (0..model.grid.len).map(broken).collect();
        System { case, model, broken, failed }
    }

    /// The signs of one injection; none where its target does not tell enough of itself.
    pub(super) fn signs(
        &self,
        episode: &Episode,
        i: usize,
        shares: &Shares,
        seen: f64,
    ) -> Option<Signs> {
        let injection = &self.case.injections[i];
        let at = injection.services.iter().find_map(|name| self.model.find(name))?;
        let node = &self.model.nodes[at];
        if node.raw_latency.is_empty() || node.requests.is_empty() || self.case.map.is_none() {
            return None;
        }
        let span = self.span(injection);
        if span.from < QUIET_MIN {
            return None;
        }
        let mut signs = [f64::NAN; COUNT];
        (signs[0], signs[1]) = (shares.began[i], shares.led[i]);
        signs[2..6].copy_from_slice(&self.of_the_rule(episode, &span));
        signs[6..12].copy_from_slice(&self.of_the_target(at, injection.dose, &span));
        signs[12..14].copy_from_slice(&self.of_the_callers(at, &span));
        signs[14..16].copy_from_slice(&self.of_the_dose(at, injection.dose));
        signs[16] = self.traffic(episode);
        signs[17..19].copy_from_slice(&self.way(episode, at));
        signs[19] = seen;
        let before = self.mean(&self.failed[at], span.before());
        signs[20] = self.mean(&self.failed[at], span.after(3)) - before;
        let usual = self.model.grid.usual(&node.raw_latency).max(TINY);
        let latency = |slots| self.mean(&node.raw_latency, slots);
        signs[21] = (latency(span.after(4)) - latency(span.before())) / usual;
        let late = span.from + 5..span.from + 9;
        signs[22] = self.mean(&self.broken, late) - self.mean(&self.broken, span.before());
        Some(signs)
    }

    fn span(&self, injection: &Injection) -> Span {
        let grid = &self.model.grid;
        let from = grid.slot(injection.from_ms.saturating_add(self.case.every_ms));
        Span { from, to: grid.slot(injection.to_ms).max(from), len: grid.len }
    }

    /// Excess while on, lead, rise and fall.
    fn of_the_rule(&self, episode: &Episode, span: &Span) -> [f64; 4] {
        let grid = &self.model.grid;
        let excess = grid.track(&episode.excess);
        let above: Track = excess.iter().map(|v| v.map(|v| v.max(0.0))).collect();
        let (from, to) = (grid.slot(episode.from_ms), grid.slot(episode.to_ms));
        let sum = |slots: Range<usize>| above[slots].iter().flatten().sum::<f64>();
        let all = sum(from..to + 1).max(TINY);
        let (first, end) = (span.from.max(from), (span.to + 2).min(to + 1));
        let on = if first < end { sum(first..end) / all } else { 0.0 };
        let floor = noise(grid, &excess) + 1.0;
        let rise = self.mean(&above, span.after(7)) + floor;
        let rise = (rise / (self.mean(&above, span.before()) + floor)).ln();
        let level = all / (to + 1 - from) as f64;
        let fall = self.mean(&above, span.over()) - self.mean(&above, span.last());
        [on, from as f64 - span.from as f64, rise, fall / level]
    }

    /// Latency, use and requests of the target, as the fault begins and ends.
    fn of_the_target(&self, at: usize, dose: Option<Dose>, span: &Span) -> [f64; 6] {
        let (node, grid) = (&self.model.nodes[at], &self.model.grid);
        let latency = |slots| self.mean(&node.raw_latency, slots) + TINY;
        let log = |a: f64, b: f64| (a / b).ln();
        let nothing = Track::new();
        let used = node.resources.first().unwrap_or(&nothing);
        // What is left of the capacity has to do the same work.
        let predicted = match dose {
            Some(Dose::Capacity(share)) if !used.is_empty() => {
                grid.usual(used) / (1.0 - share.clamp(0.0, 0.99))
            }
            _ => f64::NAN,
        };
        [
            log(latency(span.after(11)), grid.usual(&node.raw_latency) + TINY),
            log(latency(span.from..span.to + 1), latency(span.before())),
            log(latency(span.over()), latency(span.last())),
            predicted,
            self.mean(used, span.over()) - self.mean(used, span.last()),
            self.mean(&node.requests, span.after(7)) / node.usual.max(1.0),
        ]
    }

    /// What those who call the target see of it, and what it does not see itself.
    fn of_the_callers(&self, at: usize, span: &Span) -> [f64; 2] {
        let worst = |slots: &dyn Fn() -> Range<usize>| {
            let edges = self.model.nodes[at].above.iter().map(|e| &self.model.edges[*e]);
            let shares = edges
                .filter(|e| !e.raw_fails.is_empty())
                .map(|e| self.mean(&ratio(&e.raw_fails, &e.attempts), slots()));
            // Of NaN and a number, the number: `max` has it so.
            shares.fold(f64::NAN, f64::max)
        };
        let (after, before) = (worst(&|| span.after(6)), worst(&|| span.before()));
        let own =
            self.mean(&self.failed[at], span.after(6)) - self.mean(&self.failed[at], span.before());
        [after, after - before - own]
    }

    fn of_the_dose(&self, at: usize, dose: Option<Dose>) -> [f64; 2] {
        let usual = self.model.grid.usual(&self.model.nodes[at].raw_latency).max(TINY);
        match dose {
            Some(Dose::Requests(share) | Dose::Capacity(share)) => [share, f64::NAN],
            Some(Dose::Seconds(delay)) => [f64::NAN, delay / usual],
            None => [f64::NAN; 2],
        }
    }

    /// The most traffic of a service that nobody calls, as an episode begins.
    fn traffic(&self, episode: &Episode) -> f64 {
        let from = self.model.grid.slot(episode.from_ms);
        let entries = self.model.nodes.iter().filter(|n| n.above.is_empty() && n.usual > 0.0);
        let near = from.saturating_sub(1)..from + 4;
        entries.map(|n| self.mean(&n.requests, near.clone()) / n.usual).fold(f64::NAN, f64::max)
    }

    /// Calls of the target for one request of the rule's service, and steps to it; no call and -1
    /// where no calls lead there.
    fn way(&self, episode: &Episode, target: usize) -> [f64; 2] {
        let Some(entry) = self.model.find(&episode.service) else { return [f64::NAN; 2] };
        let mut here = vec![0.0; self.model.nodes.len()];
        here[entry] = 1.0;
        let (mut calls, mut steps) = (0.0, -1.0);
        for step in 0..STEPS_MAX {
            if here[target] > 0.0 && steps < 0.0 {
                steps = step as f64;
            }
            calls += here[target];
            let mut next = vec![0.0; here.len()];
            for edge in self.model.edges.iter().filter(|e| here[e.from] > 0.0) {
                let usual = self.model.nodes[edge.from].usual;
                let each = if edge.is_seen() && usual > 0.0 { edge.usual / usual } else { 1.0 };
                next[edge.to] = f64::min(next[edge.to] + here[edge.from] * each, CALLS_MAX);
            }
            here = next;
        }
        [calls.min(CALLS_MAX), steps]
    }

    /// The mean of what is known in some slots; NaN where nothing is.
    fn mean(&self, track: &Track, slots: Range<usize>) -> f64 {
        let slots = slots.start.min(track.len())..slots.end.min(track.len());
        let known: Vec<f64> =
            track.get(slots).unwrap_or_default().iter().flatten().copied().collect();
        // A counter's growth over a hole comes at once; it must not outweigh all others.
        let limit = 3.0 * median(known.clone()).unwrap_or(0.0).abs();
        let sum: f64 = known.iter().map(|v| if limit > 0.0 { v.min(limit) } else { *v }).sum();
        sum / known.len() as f64
    }
}

/// The slots in which an injection was on, first and last.
struct Span {
    from: usize,
    to: usize,
    len: usize,
}

impl Span {
    fn before(&self) -> Range<usize> {
        self.from.saturating_sub(BEFORE)..self.from
    }

    fn after(&self, slots: usize) -> Range<usize> {
        self.from + 1..self.from + 1 + slots
    }

    /// The last slots in which it was on.
    fn last(&self) -> Range<usize> {
        self.to.saturating_sub(BEFORE).max(self.from)..self.to + 1
    }

    /// Slots when it was over; none where too few of them are known.
    fn over(&self) -> Range<usize> {
        if self.to + 4 >= self.len { self.len..self.len } else { self.to + 2..self.to + 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::{Measure, Point, Service, Signal};
    use super::super::map::ServiceMap;
    use super::super::tag::{Settings, Word};
    use super::super::{attribute, signs};
    use super::*;
    use crate::verdict::Bitten;
    use proptest::prelude::*;

    const EVERY_MS: i64 = 5_000;

    fn injection(id: &str, service: &str, slots: (i64, i64), dose: Option<Dose>) -> Injection {
        Injection {
            id: id.into(),
            fault: "cpu.load".into(),
            services: vec![service.into()],
            instances: Vec::new(),
            from_ms: slots.0 * EVERY_MS,
            to_ms: slots.1 * EVERY_MS,
            bitten: Bitten::Unknown,
            disturbs: Some(Measure::Resource),
            dose,
        }
    }

    /// A gateway that calls two services, of which `order` is at its limit in slots 60 to 90 and
    /// takes the gateway with it.
    fn case(injections: Vec<Injection>) -> Case {
        let points = |value: &dyn Fn(i64) -> f64| -> Vec<Point> {
            (0..160).map(|slot| Point::new((slot + 1) * EVERY_MS, value(slot))).collect()
        };
        let on = |slot: i64| (60..90).contains(&slot);
        let hum = |slot: i64| 1.0 + 0.02 * (slot % 5) as f64;
        let service = |name: &str, hurt: bool| {
            let bad = move |slot: i64| hurt && on(slot);
            let signal = |measure, value: &dyn Fn(i64) -> f64| Signal {
                name: name.into(),
                measure,
                callee: None,
                instance: None,
                points: points(value),
            };
            let signals = vec![
                signal(Measure::Requests, &|slot| 200.0 * hum(slot)),
                signal(Measure::Errors, &|slot| if bad(slot) { 60.0 } else { 0.0 }),
                signal(Measure::Latency, &|slot| hum(slot) * if bad(slot) { 0.2 } else { 0.02 }),
                signal(Measure::Resource, &|slot| if bad(slot) { 1.0 } else { 0.6 }),
            ];
            Service { name: name.into(), signals }
        };
        let episode = Episode {
            rule: "errors".into(),
            service: "gateway".into(),
            measure: Measure::Errors,
            from_ms: 61 * EVERY_MS,
            to_ms: 90 * EVERY_MS,
            excess: points(&|slot| if on(slot) { 58.0 } else { -2.0 }),
        };
        Case {
            every_ms: EVERY_MS,
            episodes: vec![episode],
            injections,
            map: Some(ServiceMap::new([("gateway", "order"), ("gateway", "stock")])),
            services: vec![
                service("gateway", true),
                service("order", true),
                service("stock", false),
            ],
            toggling: None,
        }
    }

    fn named(case: &Case) -> Vec<(String, Word)> {
        let said = attribute(case, &Settings::default()).remove(0);
        said.tags.into_iter().map(|tag| (tag.injection, tag.word)).collect()
    }

    #[test]
    fn a_dose_says_what_to_expect_before_anything_is_seen() {
        let order = |dose| injection("order", "order", (60, 90), dose);
        let of = |dose| {
            let case = case(vec![order(dose)]);
            signs(&case, &Settings::default())[0][0].expect("its target tells of itself")
        };
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let half = of(Some(Dose::Capacity(0.5)));
        assert!(close(half[9], 1.2) && close(half[14], 0.5) && half[15].is_nan(), "{half:?}");
        let late = of(Some(Dose::Seconds(0.208)));
        assert!(close(late[15], 10.0) && late[9].is_nan() && late[14].is_nan(), "{late:?}");
        let unknown = of(None);
        assert!(unknown[9].is_nan() && unknown[14].is_nan() && unknown[15].is_nan());
        assert!(close(unknown[2], 1.0) && close(unknown[18], 1.0) && close(unknown[17], 1.0));
        assert!(unknown[4] > 2.0 && unknown[5] < -0.9 && unknown[8] < -2.0, "{unknown:?}");
    }

    #[test]
    fn what_is_not_known_is_not_weighed() {
        let order = injection("order", "order", (60, 90), Some(Dose::Capacity(0.5)));
        let none = |case: &Case| signs(case, &Settings::default())[0][0].is_none();
        let mut bare = case(vec![order.clone()]);
        bare.services[1].signals.retain(|signal| signal.measure != Measure::Latency);
        assert!(none(&bare));
        assert!(none(&Case { map: None, ..case(vec![order.clone()]) }));
        assert!(none(&case(vec![Injection { from_ms: 5 * EVERY_MS, ..order }])), "nothing before");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

        /// However much of the episode a fault covers and whatever its dose: where its target shows
        /// nothing, or it touched nothing, it is not named; who did it is.
        #[test]
        fn a_fault_that_does_nothing_is_never_named(
            from in 20i64..100, length in 1i64..60, share in 0.0f64..1.0, missed in any::<bool>(),
        ) {
            let order = injection("order", "order", (60, 90), Some(Dose::Capacity(0.5)));
            let dose = Some(Dose::Capacity(share));
            let mut idle = injection("idle", "stock", (from, from + length), dose);
            if missed {
                idle.services = vec!["order".into()];
                idle.bitten = Bitten::No;
            }
            let named = named(&case(vec![order, idle]));
            prop_assert_eq!(named, [("order".to_owned(), Word::Attributed)]);
        }
    }
}
