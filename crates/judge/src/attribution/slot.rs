//! Owns what the targets of toggled faults show within one slot: rung D, asked of that slot as if
//! nothing else had been done to the system.
//!
//! A fault may break a system in one of its slots and not in the others: there is less traffic
//! by then, or something that it needed is over, or the run ended with it. The switch alone cannot
//! tell that from an incident that happened to begin in a slot; the target's own signs can.

use super::case::{Case, Episode, Toggling};
use super::climb::Climb;
use super::forest::likelihood;
use super::signs::System;
use super::tag::{Check, Rung, Step, Tag};

/// The likelihood from which a slot counts for a fault although its other slots do not. More than
/// is asked of a single run, because the slot was picked for what the rule did in it.
const LIKELY: f64 = 0.6;
/// The likelihood below which a slot does not count although the rule rose in it, unless it did so
/// in both slots in which the fault was first on alone.
const UNLIKELY: f64 = 0.2;

/// What a fault's target shows of a slot in which the rule rose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// That the fault did it.
    Likely,
    /// That it did not.
    Unlikely,
    /// Neither, or too little is known of it.
    Open,
}

impl Shown {
    fn by(likelihood: f64) -> Shown {
        match likelihood {
            l if l >= LIKELY => Shown::Likely,
            l if l < UNLIKELY => Shown::Unlikely,
            _ => Shown::Open,
        }
    }
}

/// A slot in which a rule rose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Risen {
    /// The slot.
    pub(super) slot: usize,
    /// When the rise began.
    pub(super) began_ms: i64,
}

impl Climb<'_> {
    /// What the targets of a schedule's faults show of what rose in a slot, one a row. `rows` are
    /// their places among the injections, none where one is not to be asked about.
    pub(super) fn shown_in(
        &self,
        episode: &Episode,
        toggling: &Toggling,
        rows: &[Option<usize>],
        risen: Risen,
    ) -> Vec<Shown> {
        let span = toggling.slots[risen.slot];
        let end_ms = toggling.slots.get(risen.slot + 1).map_or(span.1, |rest| rest.1);
        let is_on = |i: usize| {
            let mut on = rows.iter().zip(&toggling.on);
            on.any(|(row, (_, on))| *row == Some(i) && on[risen.slot])
        };
        let mut case = Case {
            every_ms: self.case.every_ms,
            injections: self.case.injections.clone(),
            map: self.case.map.clone(),
            ..Case::default()
        };
        for injection in &mut case.injections {
            (injection.from_ms, injection.to_ms) = span;
        }
        let system = self.model.map(|model| System::of(&case, model));
        let climb = Climb { case: &case, settings: self.settings, model: self.model, system };
        let episode = Episode { from_ms: risen.began_ms, to_ms: end_ms, ..episode.clone() };
        let ask = |i: usize| match is_on(i) {
            true => climb.ask(&episode, &case.injections[i]),
            false => off(&case.injections[i].id),
        };
        let tags: Vec<Tag> = (0..case.injections.len()).map(ask).collect();
        let Some(found) = climb.shares(&episode, &tags) else {
            return vec![Shown::Open; rows.len()];
        };
        let signs = climb.signs(&episode, &tags, &found);
        let shown = |i: usize| Some(Shown::by(likelihood(signs[i].as_ref()?)));
        rows.iter().map(|row| row.and_then(shown).unwrap_or(Shown::Open)).collect()
    }
}

/// A fault that was off in the slot.
fn off(injection: &str) -> Tag {
    let step = Step { rung: Rung::A, check: Check::Failed, text: "off in this slot".into() };
    Tag {
        injection: injection.into(),
        rung: Rung::A,
        word: Rung::A.word(),
        effect: None,
        p: None,
        e: None,
        share: None,
        steps: vec![step],
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::super::case::{Dose, Injection, Measure, Point, Service, Signal};
    use super::super::map::ServiceMap;
    use super::super::tag::{Attribution, Settings};
    use super::super::{attribute, toggle};
    use super::*;
    use crate::verdict::Bitten;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    const EVERY_MS: i64 = 5_000;
    const SLOT: i64 = 12;
    const QUIET: i64 = 60;

    /// Whether something fails in a slot, with these faults on.
    type Fails<'f> = &'f dyn Fn(usize, &[bool]) -> bool;

    /// A gateway that calls `order` and `stock`, each with a toggled fault. `breaks` tells when the
    /// gateway fails, `shows` when the target of the first fault does.
    fn said(breaks: Fails<'_>, shows: Fails<'_>, bitten: Bitten) -> Attribution {
        let mut rng = StdRng::seed_from_u64(3);
        let rows = toggle::draw(2, 5, &mut || rng.random());
        let slots = rows[0].len();
        let column = |slot: usize| [rows[0][slot], rows[1][slot]];
        let end = QUIET + SLOT * slots as i64;
        let points = |value: &dyn Fn(i64) -> f64| -> Vec<Point> {
            (0..end).map(|s| Point::new((s + 1) * EVERY_MS, value(s))).collect()
        };
        let is = |of: Fails<'_>, sample: i64| {
            let at = usize::try_from((sample - QUIET).div_euclid(SLOT));
            at.is_ok_and(|slot| of(slot, &column(slot)))
        };
        let hum = |sample: i64| 1.0 + 0.02 * (sample % 5) as f64;
        let signals = |callee: Option<&str>, bad: &dyn Fn(i64) -> bool| {
            let signal = |measure, value: &dyn Fn(i64) -> f64| Signal {
                name: String::new(),
                measure,
                callee: callee.map(str::to_owned),
                instance: None,
                points: points(value),
            };
            vec![
                signal(Measure::Requests, &|s| 200.0 * hum(s)),
                signal(Measure::Errors, &|s| if bad(s) { 60.0 } else { 0.0 }),
                signal(Measure::Latency, &|s| hum(s) * if bad(s) { 0.2 } else { 0.02 }),
                signal(Measure::Resource, &|s| if bad(s) { 1.0 } else { 0.6 }),
            ]
        };
        let (of_order, of_stock) = (|s| is(shows, s), |_| false);
        let service = |name: &str, signals| Service { name: name.into(), signals };
        let gateway = [
            signals(None, &|s| is(breaks, s)),
            signals(Some("order"), &of_order),
            signals(Some("stock"), &of_stock),
        ];
        let injection = |id: usize, target: &str| Injection {
            id: id.to_string(),
            fault: "cpu.load".into(),
            services: vec![target.into()],
            instances: Vec::new(),
            from_ms: QUIET * EVERY_MS,
            to_ms: end * EVERY_MS,
            bitten,
            disturbs: Some(Measure::Resource),
            dose: Some(Dose::Capacity(0.5)),
        };
        let at = |slot: i64| (QUIET + SLOT * slot) * EVERY_MS;
        let case = Case {
            every_ms: EVERY_MS,
            episodes: vec![Episode {
                rule: "errors".into(),
                service: "gateway".into(),
                measure: Measure::Errors,
                from_ms: at(0),
                to_ms: end * EVERY_MS,
                excess: points(&|s| if is(breaks, s) { 58.0 } else { -2.0 }),
            }],
            injections: vec![injection(0, "order"), injection(1, "stock")],
            map: Some(ServiceMap::new([("gateway", "order"), ("gateway", "stock")])),
            services: vec![
                service("gateway", gateway.concat()),
                service("order", signals(None, &of_order)),
                service("stock", signals(None, &of_stock)),
            ],
            toggling: Some(Toggling {
                slots: (0..slots as i64).map(|slot| (at(slot), at(slot + 1))).collect(),
                on: rows.iter().enumerate().map(|(i, on)| (i.to_string(), on.clone())).collect(),
                block: slots,
                persists: None,
            }),
        };
        attribute(&case, &Settings::default()).remove(0)
    }

    fn named(said: &Attribution) -> Vec<(&str, Rung)> {
        let strong = said.tags.iter().filter(|tag| tag.rung >= Rung::D);
        strong.map(|tag| (tag.injection.as_str(), tag.rung)).collect()
    }

    /// The first slot in which the first fault is on alone, as `draw` laid it out.
    fn first(slot: usize, on: &[bool]) -> bool {
        slot < 8 && slot.is_multiple_of(4) && *on == [true, false]
    }

    #[test]
    fn a_fault_that_broke_it_once_is_attributed_where_its_target_shows_it() {
        let seen = said(&first, &first, Bitten::Unknown);
        assert_eq!(named(&seen), [("0", Rung::D)], "attributed, never caused: {seen:?}");
        let step = seen.tags[0].steps.iter().find(|step| step.rung == Rung::D).unwrap();
        let text = "100 % of the excess followed its switch, by what its target shows in 1 of its \
                    slots";
        assert_eq!(step.text, text);
        let unseen = said(&first, &|_, _| false, Bitten::Unknown);
        assert_eq!(named(&unseen), [], "an incident that happened to begin there: {unseen:?}");
    }

    #[test]
    fn what_the_switch_shows_stands_above_series_that_show_nothing() {
        let with_it = |_: usize, on: &[bool]| on[0];
        let unseen = said(&with_it, &|_, _| false, Bitten::Unknown);
        assert_eq!(named(&unseen), [("0", Rung::E)], "{unseen:?}");
        let untouched = said(&with_it, &|_, _| false, Bitten::No);
        assert_eq!(named(&untouched), [], "measured to have touched nothing");
    }
}
