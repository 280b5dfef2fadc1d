//! Owns the climb: asks each rung's question of each injection, lowest first, and stops where the
//! data speaks against it.

use super::case::{Case, Episode, Injection, Toggling};
use super::forest::likelihood;
use super::map::Reach;
use super::own::Model;
use super::share::{Shares, bit, shares};
use super::signs::{Signs, System};
use super::switched::Followed;
use super::tag::{Attribution, Check, Conclusion, Rung, Settings, Step, Tag};
use super::toggle::{Tested, followed as switched, test};
use crate::verdict::Bitten;
use std::cmp::Ordering;

/// The likelihood from which a fault is said to be a cause.
const LIKELY: f64 = 0.5;

/// Explains every episode of a case.
pub fn attribute(case: &Case, settings: &Settings) -> Vec<Attribution> {
    let model = if settings.up_to >= Rung::C { Model::of(case) } else { None };
    let system = model.as_ref().map(|model| System::of(case, model));
    let climb = Climb { case, settings, model: model.as_ref(), system };
    case.episodes.iter().map(|episode| climb.explain(episode)).collect()
}

/// What is told of each injection for each episode of a case, before it is weighed; none where an
/// injection is ruled out by then or too little is known of its target.
pub fn signs(case: &Case, settings: &Settings) -> Vec<Vec<Option<Signs>>> {
    let model = Model::of(case);
    let system = model.as_ref().map(|model| System::of(case, model));
    let climb = Climb { case, settings, model: model.as_ref(), system };
    let of = |episode: &Episode| {
        let tags: Vec<Tag> = case.injections.iter().map(|i| climb.ask(episode, i)).collect();
        let found = climb.shares(episode, &tags);
        found.map_or_else(|| vec![None; tags.len()], |found| climb.signs(episode, &tags, &found))
    };
    case.episodes.iter().map(of).collect()
}

pub(super) struct Climb<'c> {
    pub(super) case: &'c Case,
    pub(super) settings: &'c Settings,
    pub(super) model: Option<&'c Model>,
    pub(super) system: Option<System<'c>>,
}

impl Climb<'_> {
    fn explain(&self, episode: &Episode) -> Attribution {
        let injections = &self.case.injections;
        let mut all: Vec<Tag> = injections.iter().map(|i| self.ask(episode, i)).collect();
        let mut unexplained = None;
        if self.settings.up_to >= Rung::D {
            unexplained = self.share_out(episode, &mut all);
        }
        if self.settings.up_to >= Rung::E {
            self.follow_the_switch(episode, &mut all);
        }
        let (mut tags, mut ruled_out) = (Vec::new(), Vec::new());
        for mut tag in all {
            let passed = tag.steps.iter().rev().find(|step| step.check == Check::Passed);
            tag.rung = passed.map_or(Rung::A, |step| step.rung);
            tag.word = tag.rung.word();
            if is_out(&tag) { ruled_out.push(tag) } else { tags.push(tag) }
        }
        let strength = |tag: &Tag| (tag.rung, tag.share.unwrap_or(0.0));
        tags.sort_by(|a, b| {
            let order = strength(b).partial_cmp(&strength(a));
            order.unwrap_or(Ordering::Equal).then_with(|| a.injection.cmp(&b.injection))
        });
        let conclusion = self.conclude(episode, &tags);
        Attribution {
            rule: episode.rule.clone(),
            service: episode.service.clone(),
            from_ms: episode.from_ms,
            to_ms: episode.to_ms,
            conclusion,
            tags,
            ruled_out,
            unexplained,
        }
    }

    /// Rungs A to C, each of which looks at one injection alone.
    pub(super) fn ask(&self, episode: &Episode, injection: &Injection) -> Tag {
        let mut steps = vec![overlap(self.case, episode, injection, self.settings)];
        let goes_on = |steps: &[Step]| steps.iter().all(|s| s.check != Check::Failed);
        if self.settings.up_to >= Rung::B && goes_on(&steps) {
            steps.push(reachable(self.case, episode, injection));
        }
        if self.settings.up_to >= Rung::C && goes_on(&steps) {
            steps.push(bitten(self.model, injection, &self.windows(injection)));
        }
        Tag {
            injection: injection.id.clone(),
            rung: Rung::A,
            word: Rung::A.word(),
            effect: None,
            p: None,
            e: None,
            share: None,
            steps,
        }
    }

    /// When an injection was on: in one go, or in the slots of its schedule that took place.
    fn windows(&self, injection: &Injection) -> Vec<(i64, i64)> {
        let row = (self.case.toggling.iter())
            .find_map(|t| Some((t, t.on.iter().find(|(id, _)| *id == injection.id)?)));
        match row {
            None => vec![(injection.from_ms, injection.to_ms)],
            Some((toggling, (_, on))) => (toggling.slots.iter().zip(on))
                .filter(|(_, on)| **on)
                .map(|(slot, _)| *slot)
                .collect(),
        }
    }

    /// Rung D, over all injections at once. Returns the share that none explains.
    fn share_out(&self, episode: &Episode, tags: &mut [Tag]) -> Option<f64> {
        let Some(found) = self.shares(episode, tags) else {
            let text = "no series of the rule's service to share the excess out";
            let step = Step { rung: Rung::D, check: Check::NoData, text: text.into() };
            tags.iter_mut().filter(|t| !is_out(t)).for_each(|t| t.steps.push(step.clone()));
            return None;
        };
        let signs = self.signs(episode, tags, &found);
        for (i, tag) in tags.iter_mut().enumerate().filter(|(_, tag)| !is_out(tag)) {
            let passed = |s: &Step| s.rung == Rung::B && s.check == Check::Passed;
            let at_home = self.case.injections[i].services.contains(&episode.service);
            if !at_home && !tag.steps.iter().any(passed) {
                // Blame cannot walk where no call is known; that is no reason to clear a fault.
                let text = "no known calls lead from the rule's service to its target".into();
                tag.steps.push(Step { rung: Rung::D, check: Check::NoData, text });
                continue;
            }
            let share = found.shares[i];
            let text = format!("explains {:.0} % of the excess", share * 100.0);
            let (enough, text) = match signs[i].as_ref().map(likelihood) {
                Some(chance) => {
                    (chance >= LIKELY, format!("{text}; likely a cause by {chance:.2}"))
                }
                None => (share >= self.settings.share_min, text),
            };
            let check = if enough { Check::Passed } else { Check::Failed };
            tag.steps.push(Step { rung: Rung::D, check, text });
            tag.share = Some(share);
            tag.effect = Some(found.effects[i]);
        }
        Some(found.organic)
    }

    /// The signs of each injection that is not ruled out, where it was on in one go.
    pub(super) fn signs(
        &self,
        episode: &Episode,
        tags: &[Tag],
        found: &Shares,
    ) -> Vec<Option<Signs>> {
        let system = self.system.as_ref().filter(|_| self.case.toggling.is_none());
        let of = |(i, tag): (usize, &Tag)| {
            let at_c = tag.steps.iter().any(|s| s.rung == Rung::C && s.check == Check::Passed);
            let seen = match self.case.injections[i].bitten {
                Bitten::Yes | Bitten::Off => 2.0,
                _ => f64::from(u8::from(at_c)),
            };
            system.filter(|_| !is_out(tag))?.signs(episode, i, found, seen)
        };
        tags.iter().enumerate().map(of).collect()
    }

    pub(super) fn shares(&self, episode: &Episode, tags: &[Tag]) -> Option<Shares> {
        let open: Vec<bool> = tags.iter().map(|tag| !is_out(tag)).collect();
        let called = |i: &Injection| match &self.case.map {
            Some(map) => i
                .services
                .iter()
                .any(|s| matches!(map.reach(&episode.service, s), Some(Reach::Calls(_)))),
            None => i.services.contains(&episode.service),
        };
        let called: Vec<bool> = self.case.injections.iter().map(called).collect();
        let asked = (open.as_slice(), called.as_slice());
        self.model.and_then(|m| shares(self.case, m, episode, asked, self.settings))
    }

    /// Rung E, for the injections that were toggled. The switch is in our hands, so what it says
    /// stands above every model: it may rule out what looked like a cause, and name what did not.
    /// Only what was measured to have touched nothing is not asked about.
    fn follow_the_switch(&self, episode: &Episode, tags: &mut [Tag]) {
        let Some(toggling) = &self.case.toggling else { return };
        let washout_ms = self.settings.lag_max_ms.min(slot_length(toggling) / 2);
        let of = |id: &String| tags.iter().position(|tag| tag.injection == *id);
        let rows: Vec<Option<usize>> = toggling.on.iter().map(|(id, _)| of(id)).collect();
        let touched = |i: &usize| self.case.injections[*i].bitten != Bitten::No;
        let rows: Vec<Option<usize>> = rows.into_iter().map(|at| at.filter(touched)).collect();
        let open: Vec<bool> = rows.iter().map(Option::is_some).collect();
        let tested = test(episode, toggling, &open, washout_ms);
        let shown = |risen| self.shown_in(episode, toggling, &rows, risen);
        let shares = switched(episode, toggling, &open, &shown);
        for (row, at) in rows.iter().enumerate() {
            let Some(tag) = at.map(|at| &mut tags[at]) else { continue };
            match (tested[row], &shares) {
                (None, None) => {}
                (Some(tested), None) => self.switched(tag, &tested),
                (tested, Some(shares)) => self.followed(tag, tested.as_ref(), &shares[row]),
            }
        }
    }

    /// What the test says, where slots follow each other without a rest.
    fn switched(&self, tag: &mut Tag, tested: &Tested) {
        let enough = tested.share >= self.settings.share_min;
        let caused = tested.adjusted <= self.settings.alpha && enough;
        tag.steps.retain(|step| step.check != Check::Failed);
        tag.steps.push(step_e(tested, if caused { Check::Passed } else { Check::Failed }));
        (tag.effect, tag.p, tag.share) = (Some(tested.effect), Some(tested.p), Some(tested.share));
    }

    /// What followed the switch, where every slot is followed by a rest. The share says whether it
    /// is a cause; only the test may say that it "caused", and only where the run was complete.
    fn followed(&self, tag: &mut Tag, tested: Option<&Tested>, followed: &Followed) {
        let enough = followed.share >= self.settings.share_min;
        let caused = tested.is_some_and(|t| t.adjusted <= self.settings.alpha && enough);
        if enough {
            tag.steps.retain(|step| step.check != Check::Failed);
        }
        tag.steps.retain(|step| step.rung != Rung::D);
        let check = if enough { Check::Passed } else { Check::Failed };
        let seen = match followed.by_target {
            0 => String::new(),
            slots => format!(", by what its target shows in {slots} of its slots"),
        };
        let text =
            format!("{:.0} % of the excess followed its switch{seen}", followed.share * 100.0);
        tag.steps.push(Step { rung: Rung::D, check, text });
        match tested {
            Some(tested) => {
                let check = if caused { Check::Passed } else { Check::NoData };
                tag.steps.push(step_e(tested, check));
                (tag.effect, tag.p) = (Some(tested.effect), Some(tested.p));
            }
            None => {
                let text = "the run ended before its schedule was complete: no test".into();
                tag.steps.push(Step { rung: Rung::E, check: Check::NoData, text });
                tag.effect = None;
            }
        }
        tag.share = Some(followed.share);
    }

    /// Rung F: what may be concluded, and where nothing may be.
    fn conclude(&self, episode: &Episode, tags: &[Tag]) -> Conclusion {
        let looks = self.settings.up_to == Rung::F;
        if let Some(why) = self.doubt(episode, tags).filter(|_| looks) {
            return Conclusion::Undecidable(why);
        }
        if tags.is_empty() { Conclusion::Organic } else { Conclusion::Injected }
    }

    fn doubt(&self, episode: &Episode, tags: &[Tag]) -> Option<String> {
        let on = tags.iter().filter(|tag| tag.rung <= Rung::C).count();
        if on > 1 {
            return Some(format!("{on} faults were on at the time and nothing tells them apart"));
        }
        let inside = |p: &&super::case::Point| (episode.from_ms..=episode.to_ms).contains(&p.at_ms);
        let samples: Vec<_> = episode.excess.iter().filter(inside).collect();
        let known = samples.iter().filter(|p| p.number().is_some()).count();
        if 2 * known < samples.len() {
            return Some("more than half of the rule's samples are missing".into());
        }
        None
    }
}

fn is_out(tag: &Tag) -> bool {
    tag.steps.iter().any(|step| step.check == Check::Failed)
}

fn step_e(tested: &Tested, check: Check) -> Step {
    let text = format!(
        "{:.1} % of the on/off schedules that chance might have drawn fit the rule as well: p \
         {:.3}, {:.3} for all faults that were asked about",
        tested.p * 100.0,
        tested.p,
        tested.adjusted
    );
    Step { rung: Rung::E, check, text }
}

fn slot_length(toggling: &Toggling) -> i64 {
    toggling.slots.first().map_or(0, |(from, to)| to - from)
}

/// Rung A: the fault was on while the rule was broken, with its lag, and began before the
/// rule was met again.
fn overlap(case: &Case, episode: &Episode, injection: &Injection, settings: &Settings) -> Step {
    // A sample stands for the interval before it, so a fault may begin one sample "late".
    let begins = injection.from_ms - case.every_ms;
    let over = injection.to_ms.saturating_add(settings.lag_max_ms.max(2 * case.every_ms));
    let (check, text) = if begins > episode.from_ms && begins > episode.to_ms {
        (Check::Failed, "began after the rule was met again")
    } else if episode.from_ms > over {
        (Check::Failed, "was over long before the rule broke")
    } else {
        (Check::Passed, "on while the rule was broken")
    };
    Step { rung: Rung::A, check, text: text.into() }
}

/// Rung B: the map has a way from the rule's service to the target.
fn reachable(case: &Case, episode: &Episode, injection: &Injection) -> Step {
    let step = |check, text| Step { rung: Rung::B, check, text };
    let Some(map) = case.map.as_ref().filter(|map| map.knows(&episode.service)) else {
        return step(Check::NoData, "no service map of the rule's service".into());
    };
    if !injection.services.iter().any(|s| map.knows(s)) {
        return step(Check::NoData, "the target is not on the service map".into());
    }
    match injection.services.iter().find_map(|target| map.reach(&episode.service, target)) {
        Some(Reach::Calls(path)) => step(Check::Passed, path.join(" → ")),
        Some(Reach::Shared(node)) => step(Check::Passed, format!("shares {node}")),
        None => step(Check::Failed, format!("{} does not depend on it", episode.service)),
    }
}

/// Rung C: the fault was measured to act on its target, by itself or in the target's series.
fn bitten(model: Option<&Model>, injection: &Injection, windows: &[(i64, i64)]) -> Step {
    let seen = || model.and_then(|model| bit(model, injection, windows));
    let (check, text) = match injection.bitten {
        Bitten::Yes => (Check::Passed, "measured to act on its target"),
        Bitten::Off => (Check::Passed, "measured to act, with another dose than asked"),
        Bitten::No => (Check::Failed, "touched nothing"),
        Bitten::Unknown => match seen() {
            Some(true) => (Check::Passed, "its target was worse than ever before while it was on"),
            Some(false) => (Check::Failed, "its target was as before while it was on"),
            None => (Check::NoData, "nobody measured whether it acted"),
        },
    };
    Step { rung: Rung::C, check, text: text.into() }
}

#[cfg(test)]
mod tests {
    use super::super::case::{Measure, Point};
    use super::super::map::ServiceMap;
    use super::super::tag::Word;
    use super::*;

    fn injection(id: &str, service: &str, seconds: (i64, i64), bitten: Bitten) -> Injection {
        Injection {
            id: id.into(),
            fault: "http.delay".into(),
            services: vec![service.into()],
            instances: Vec::new(),
            from_ms: seconds.0 * 1_000,
            to_ms: seconds.1 * 1_000,
            bitten,
            disturbs: Some(Measure::Latency),
            dose: None,
        }
    }

    fn case(injections: Vec<Injection>, map: Option<ServiceMap>) -> Case {
        let excess = (0..300)
            .map(|s| Point::new(s * 1_000, if (100..160).contains(&s) { 40.0 } else { -2.0 }));
        let episode = Episode {
            rule: "order latency".into(),
            service: "gateway".into(),
            measure: Measure::Latency,
            from_ms: 100_000,
            to_ms: 159_000,
            excess: excess.collect(),
        };
        Case { every_ms: 1_000, episodes: vec![episode], injections, map, ..Case::default() }
    }

    fn said(case: &Case) -> Vec<(String, char, Word)> {
        let attribution = attribute(case, &Settings::default()).remove(0);
        attribution.tags.into_iter().map(|t| (t.injection, t.rung.letter(), t.word)).collect()
    }

    #[test]
    fn overlap_alone_is_coincident_whatever_the_number_of_faults() {
        let faults = [("a", (95, 160)), ("b", (90, 99)), ("c", (161, 200)), ("d", (1, 20))];
        let faults = faults.map(|(id, at)| injection(id, "payment", at, Bitten::Unknown));
        let got = said(&case(faults.into(), None));
        assert_eq!(got, ["a", "b"].map(|id| (id.to_string(), 'A', Word::Coincident)));
    }

    #[test]
    fn no_way_to_the_target_and_no_bite_rule_a_fault_out() {
        let map = ServiceMap::new([("gateway", "payment"), ("batch", "mail")]);
        let at = (95, 160);
        let faults = vec![
            injection("hit", "payment", at, Bitten::Yes),
            injection("missed", "payment", at, Bitten::No),
            injection("elsewhere", "mail", at, Bitten::Yes),
        ];
        let case = case(faults, Some(map));
        assert_eq!(said(&case), [("hit".to_string(), 'C', Word::BitAtTheTarget)]);
        let attribution = attribute(&case, &Settings::default()).remove(0);
        let ended: Vec<char> = (attribution.ruled_out.iter())
            .filter_map(|tag| tag.steps.last().map(|step| step.rung.letter()))
            .collect();
        assert_eq!(ended, ['C', 'B']);
    }

    #[test]
    fn nothing_declared_is_organic() {
        let attribution = attribute(&case(Vec::new(), None), &Settings::default()).remove(0);
        assert_eq!(attribution.conclusion, Conclusion::Organic);
    }
}
