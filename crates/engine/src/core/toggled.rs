//! Owns faults that are switched on and off at random: what each slot saw, the rule that ends such
//! a run early, and what the switching shows in the end.

use super::drain::Back;
use super::script::Script;
use super::state::Core;
use super::words;
use squall_judge::attribution::toggle::Tested;
use squall_judge::attribution::{Episode, Measure, Point, Toggling, toggle};
use squall_judge::bursts::Bursts;
use squall_judge::monitor::{End, Seen, Watch};
use squall_judge::reading::{Indicator, Reading};
use squall_wire::record::{self, AbortCause, ToggledEffect};

/// An effect that chance makes at most this often, for any of the faults, is said to be caused.
const CAUSED_P: f64 = 0.05;
/// The share of the excess from which a run that ended early attributes it to a fault.
const FOLLOWED_MIN: f64 = 0.25;
/// Samples after a switch that may still show what was before it.
const WASHOUT_SAMPLES: i64 = 1;

/// What a toggled run has seen so far.
#[derive(Debug)]
pub(super) struct Toggled {
    /// The slots free of faults: a service that stays outside in them ends the run.
    free: Watch,
    slots: Vec<(i64, i64)>,
    /// Whether the service is back, in a slot without any fault.
    rest: Option<Back>,
    /// When it was outside its bounds although its traffic had rested.
    persists: Option<(i64, i64)>,
    /// For each indicator the excess of each sample.
    points: Vec<Vec<Point>>,
}

impl Toggled {
    pub(super) fn of(script: &Script, indicators: &[Indicator]) -> Option<Toggled> {
        (!script.toggled.is_empty()).then(|| Toggled {
            free: Watch::new(script.free_rule(), indicators),
            slots: Vec::new(),
            rest: None,
            persists: None,
            points: vec![Vec::new(); indicators.len()],
        })
    }

    pub(super) fn with_baseline(mut self, bursts: &[Bursts]) -> Toggled {
        self.free = self.free.with_baseline(bursts);
        self
    }

    pub(super) fn is_back(&self, every_us: u64) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.is_back(every_us))
    }

    pub(super) fn persists(&mut self, span_ms: (u64, u64)) {
        let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        self.persists = Some((ms(span_ms.0), ms(span_ms.1)));
    }

    /// Keeps what a sample shows of each indicator; returns its time.
    pub(super) fn note(&mut self, at_us: u64, of: &[Indicator], readings: &[Reading]) -> i64 {
        let at_ms = i64::try_from(at_us / 1_000).unwrap_or(i64::MAX);
        for ((points, indicator), reading) in self.points.iter_mut().zip(of).zip(readings) {
            points.push(Point { at_ms, value: excess(indicator, reading) });
        }
        at_ms
    }
}

impl Core {
    /// Notes that a slot of the schedule begins.
    pub(super) fn begin_slot(&mut self) {
        let (now_ms, length_us) = (self.now_ms(), self.script.steps[self.step].hold_us);
        let is_free = self.script.steps[self.step].injections.is_empty();
        let rest = is_free.then(|| Back::new(&self.script, self.now_us, length_us));
        if let Some(toggled) = &mut self.toggled {
            toggled.rest = rest;
            toggled.slots.push((now_ms, now_ms.saturating_add_unsigned(length_us / 1_000)));
        }
    }

    /// Takes a sample while the method is under way. Where faults are toggled, slots without one
    /// say nothing of what the service bears, and that a fault hurts is no reason to end.
    pub(super) fn held_sample(&mut self, since_us: u64, readings: &[Reading]) -> Seen {
        let indicators = self.script.judged();
        let drains = self.may_drain();
        let Some(toggled) = &mut self.toggled else { return self.hold.sample(readings) };
        let at_ms = toggled.note(since_us, &indicators, readings);
        if let Some(slot) = toggled.slots.last_mut() {
            // A late sample still belongs to the slot it was taken in.
            slot.1 = slot.1.max(at_ms);
        }
        if self.script.steps[self.step].injections.is_empty() {
            if let Some(rest) = &mut toggled.rest {
                rest.sample(since_us, readings);
            }
            let seen = toggled.free.sample(readings);
            // It has its traffic to lose before the run is given up.
            let ends = |end: &End| !drains || *end != End::Strikes;
            return Seen { end: seen.end.filter(ends), ..seen };
        }
        let on = self.hold.sample(readings);
        let ends = |end: &End| self.script.strikes_end || *end != End::Strikes;
        Seen { end: on.end.filter(ends), ..on }
    }

    /// What the switching shows of each fault and indicator, once the schedule is complete. Where
    /// the run ended early, because a rest after a slot did not bring the service back, what
    /// followed a switch is told without a test.
    pub(super) fn effects(&self) -> Vec<ToggledEffect> {
        let Some(toggled) = &self.toggled else { return Vec::new() };
        let is_complete = self.stop.is_none() && toggled.slots.len() == self.script.steps.len();
        let did_not_recover = self.stop.as_ref().is_some_and(|s| s.cause == AbortCause::Rule);
        if !is_complete && !did_not_recover {
            return Vec::new();
        }
        let on = self.script.toggled.iter().enumerate();
        let toggling = Toggling {
            slots: toggled.slots.clone(),
            on: on.map(|(at, fault)| (at.to_string(), fault.on.clone())).collect(),
            block: self.script.steps.len(),
            persists: toggled.persists,
        };
        let every_ms = i64::try_from(self.script.every_us / 1_000).unwrap_or(i64::MAX);
        let washout_ms = every_ms.saturating_mul(WASHOUT_SAMPLES);
        let all = vec![true; toggling.on.len()];
        let mut out = Vec::new();
        for (index, points) in toggled.points.iter().enumerate() {
            let episode = self.episode(index, points, &toggling);
            if is_complete {
                let tested = toggle::test(&episode, &toggling, &all, washout_ms);
                let effect = |(fault, tested): (&record::Toggled, Option<Tested>)| {
                    Some(self.effect(&fault.fault, index, &tested?))
                };
                out.extend(self.script.toggled.iter().zip(tested).filter_map(effect));
            } else {
                let shares = toggle::shares(&episode, &toggling, &all).unwrap_or_default();
                let followed = self.script.toggled.iter().zip(shares);
                let followed = followed.filter(|(_, share)| *share >= FOLLOWED_MIN);
                out.extend(
                    followed.map(|(fault, share)| self.followed(&fault.fault, index, share)),
                );
            }
        }
        out.sort_by_key(|effect| self.script.toggled.iter().position(|t| t.fault == effect.fault));
        out
    }

    /// What a run that ended early has to say of a fault: most of it followed its switch.
    fn followed(&self, fault: &str, index: usize, share: f64) -> ToggledEffect {
        let name = &self.script.indicators[index].name;
        let text = format!(
            "{:.0} % of what {name} was beyond its bound followed the switch of {fault}, and it did \
             not recover: attributed to it, without a test, since the schedule was not completed",
            share * 100.0
        );
        let fault = fault.to_owned();
        let (value, interval) = (share, (0.0, 1.0));
        ToggledEffect { fault, indicator: index, value, interval, p: 1.0, caused: false, text }
    }

    fn episode(&self, index: usize, points: &[Point], toggling: &Toggling) -> Episode {
        let span = (toggling.slots.first(), toggling.slots.last());
        Episode {
            rule: self.script.indicators[index].name.clone(),
            service: String::new(),
            measure: Measure::Other,
            from_ms: span.0.map_or(0, |slot| slot.0),
            to_ms: span.1.map_or(0, |slot| slot.1),
            excess: points.to_vec(),
        }
    }

    fn effect(&self, fault: &str, index: usize, tested: &toggle::Tested) -> ToggledEffect {
        let indicator = &self.script.indicators[index];
        let (value, interval) = (tested.effect.value, (tested.effect.low, tested.effect.high));
        let caused = tested.adjusted <= CAUSED_P && value > 0.0;
        let amount = |v: f64| match indicator.bad_share {
            Some(_) => format!("{v:.1}"),
            None => words::value(indicator, v),
        };
        let unit = match indicator.bad_share {
            Some(_) => format!(" {} a sample", indicator.bad_word),
            None => " beyond its bound".to_owned(),
        };
        let text = format!(
            "{fault} {} {}: {} more{unit} while it was on ({} to {}), p {:.3}{}",
            if caused { "hurt" } else { "was not shown to hurt" },
            indicator.name,
            amount(value),
            amount(interval.0),
            amount(interval.1),
            tested.p,
            match self.script.toggled.len() {
                1 => String::new(),
                faults => format!(", {:.3} among {faults} faults", tested.adjusted),
            },
        );
        let fault = fault.to_owned();
        ToggledEffect { fault, indicator: index, value, interval, p: tested.p, caused, text }
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.now_us / 1_000).unwrap_or(i64::MAX)
    }
}

/// How much worse a sample is than its bound allows: bad events above the allowed share, or the
/// distance of a value from its bound.
fn excess(indicator: &Indicator, reading: &Reading) -> Option<f64> {
    if let (Some(counts), Some(allowed)) = (reading.counts, indicator.bad_share) {
        return Some(counts.bad_least as f64 - allowed * counts.total as f64);
    }
    let beyond = reading.value? - indicator.bound;
    Some(if indicator.at_least { -beyond } else { beyond })
}
