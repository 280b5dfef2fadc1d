//! Owns the climb: asks each rung's question of each injection, lowest first, and stops where the
//! data speaks against it.

use super::case::{Case, Episode, Injection};
use super::map::Reach;
use super::tag::{Attribution, Check, Conclusion, Rung, Settings, Step, Tag};
use crate::verdict::Bitten;

/// Explains every episode of a case.
pub fn attribute(case: &Case, settings: &Settings) -> Vec<Attribution> {
    case.episodes.iter().map(|episode| explain(case, episode, settings)).collect()
}

fn explain(case: &Case, episode: &Episode, settings: &Settings) -> Attribution {
    let (mut tags, mut ruled_out) = (Vec::new(), Vec::new());
    for injection in &case.injections {
        let tag = climb(case, episode, injection, settings);
        match tag.steps.iter().any(|step| step.check == Check::Failed) {
            true => ruled_out.push(tag),
            false => tags.push(tag),
        }
    }
    tags.sort_by(|a, b| b.rung.cmp(&a.rung).then_with(|| a.injection.cmp(&b.injection)));
    let conclusion = if tags.is_empty() { Conclusion::Organic } else { Conclusion::Injected };
    Attribution {
        rule: episode.rule.clone(),
        service: episode.service.clone(),
        from_ms: episode.from_ms,
        to_ms: episode.to_ms,
        conclusion,
        tags,
        ruled_out,
        unexplained: None,
    }
}

fn climb(case: &Case, episode: &Episode, injection: &Injection, settings: &Settings) -> Tag {
    type Question = fn(&Case, &Episode, &Injection, &Settings) -> Step;
    let questions: [(Rung, Question); 3] =
        [(Rung::A, overlap), (Rung::B, reachable), (Rung::C, bitten)];
    let mut steps: Vec<Step> = Vec::new();
    for (rung, question) in questions {
        if rung > settings.up_to || steps.iter().any(|s| s.check == Check::Failed) {
            break;
        }
        steps.push(question(case, episode, injection, settings));
    }
    let passed = steps.iter().rev().find(|step| step.check == Check::Passed);
    let rung = passed.map_or(Rung::A, |step| step.rung);
    Tag {
        injection: injection.id.clone(),
        rung,
        word: rung.word(),
        effect: None,
        p: None,
        e: None,
        share: None,
        steps,
    }
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
fn reachable(case: &Case, episode: &Episode, injection: &Injection, _: &Settings) -> Step {
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

/// Rung C: the fault was measured to act on its target.
fn bitten(_: &Case, _: &Episode, injection: &Injection, _: &Settings) -> Step {
    let (check, text) = match injection.bitten {
        Bitten::Yes => (Check::Passed, "measured to act on its target"),
        Bitten::Off => (Check::Passed, "measured to act, with another dose than asked"),
        Bitten::No => (Check::Failed, "touched nothing"),
        Bitten::Unknown => (Check::NoData, "nobody measured whether it acted"),
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
