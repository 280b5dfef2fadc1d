//! Owns how attribution fares on made-up systems whose truth is known, rung by rung.

use super::bootstrap::Shares;
use super::threads::over;
use super::world::observe::{Line, Observed};
use super::world::scenario::Kind;
use super::world::{Family, Scenario, Truth, draw, observe};
use squall_judge::attribution::{
    Attribution, Case, Dose, Injection, Measure, Point, RuleCounts, Rung, Service, ServiceMap,
    Settings, Signal, attribute,
};
use squall_judge::reading::Counts;
use squall_judge::verdict::Bitten;
use std::fmt::Write as _;

/// Time between samples of a made-up system.
pub(crate) const EVERY_MS: i64 = 5_000;

/// What one rung said of one set of scenarios.
#[derive(Default, Clone)]
pub(crate) struct Score {
    pub(crate) exact: Shares,
    pub(crate) precision: Shares,
    pub(crate) recall: Shares,
    pub(crate) cleared: Shares,
    pub(crate) undecidable: Shares,
}

/// One scenario with its truth, as a case for the judge.
pub(crate) struct Tried {
    pub(crate) case: Case,
    /// One an episode: the causes, as injection ids.
    pub(crate) labels: Vec<Vec<String>>,
}

/// Makes a scenario's case.
pub(crate) fn tried(scenario: &Scenario) -> Tried {
    let truth = Truth::of(scenario);
    let observed = observe(scenario, &truth.full);
    let rules = rules(&observed);
    let mut case = case(&observed);
    tell_doses(&mut case, scenario);
    let mut labels = Vec::new();
    for (i, rule) in rules.iter().enumerate() {
        for episode in rule.episodes() {
            let tick = |ms: i64| (ms / EVERY_MS - 1) as usize;
            let label = truth.label(i, tick(episode.from_ms), tick(episode.to_ms));
            labels.push(label.causes.iter().map(ToString::to_string).collect());
            case.episodes.push(episode);
        }
    }
    Tried { case, labels }
}

/// What is observed, in the judge's words. Injections are named by their position.
pub(crate) fn case(observed: &Observed) -> Case {
    let points = |line: &Line| -> Vec<Point> {
        line.iter().map(|(at_ms, value)| Point { at_ms: *at_ms, value: *value }).collect()
    };
    let mut services: Vec<Service> = Vec::new();
    for series in &observed.series {
        let signal = |name: &str, measure, line: &Line| Signal {
            name: name.into(),
            measure,
            callee: series.callee.clone(),
            instance: None,
            points: points(line),
        };
        let mut signals = vec![
            signal("requests", Measure::Requests, &series.requests),
            signal("errors", Measure::Errors, &series.errors),
            signal("latency", Measure::Latency, &series.latency_s),
        ];
        if !series.use_share.is_empty() {
            signals.push(signal("cpu", Measure::Resource, &series.use_share));
        }
        match services.iter_mut().find(|s| s.name == series.service) {
            Some(service) => service.signals.extend(signals),
            None => services.push(Service { name: series.service.clone(), signals }),
        }
    }
    let injections = observed.declared.iter().enumerate().map(|(i, declared)| Injection {
        id: i.to_string(),
        fault: declared.fault.into(),
        services: vec![declared.service.clone()],
        instances: Vec::new(),
        from_ms: declared.from_ms,
        to_ms: declared.to_ms,
        bitten: match declared.bit {
            None => Bitten::Unknown,
            Some(true) => Bitten::Yes,
            Some(false) => Bitten::No,
        },
        disturbs: match declared.fault {
            "http.delay" => Some(Measure::Latency),
            "http.abort" => Some(Measure::Errors),
            "cpu.load" => Some(Measure::Resource),
            _ => None,
        },
        dose: None,
    });
    Case {
        every_ms: EVERY_MS,
        injections: injections.collect(),
        map: Some(ServiceMap::new(observed.map.iter().cloned())),
        services,
        ..Case::default()
    }
}

/// Adds the doses that were declared.
pub(crate) fn tell_doses(case: &mut Case, scenario: &Scenario) {
    for (injection, declared) in case.injections.iter_mut().zip(scenario.declared()) {
        injection.dose = dose(scenario.disturbances[declared].kind);
    }
}

/// What was asked of a fault, which whoever declares it knows; not whether it works, nor when.
fn dose(kind: Kind) -> Option<Dose> {
    match kind {
        Kind::Error(share) | Kind::Loss(share) => Some(Dose::Requests(share)),
        Kind::Cpu(share) | Kind::Kill(share) => Some(Dose::Capacity(share)),
        Kind::Delay(seconds) => Some(Dose::Seconds(seconds)),
        Kind::Queries(_) | Kind::Surge(_) => None,
    }
}

pub(crate) fn rules(observed: &Observed) -> Vec<RuleCounts> {
    let one = |(i, rule): (usize, &super::world::observe::RuleSeries)| RuleCounts {
        rule: format!("rule {i}"),
        service: rule.service.clone(),
        measure: if rule.is_latency { Measure::Latency } else { Measure::Errors },
        allowed: rule.allowed,
        rho: 0.0,
        samples: (rule.counts.iter())
            .map(|(at_ms, c)| {
                let counts = |(total, bad)| Counts { total, bad_least: bad, bad_most: bad };
                (*at_ms, c.map(counts))
            })
            .collect(),
    };
    observed.rules.iter().enumerate().map(one).collect()
}

/// The answer of one attribution as a set of injections.
fn answer(attribution: &Attribution) -> Vec<String> {
    let mut ids: Vec<String> = attribution.tags.iter().map(|t| t.injection.clone()).collect();
    ids.sort();
    ids
}

/// Adds one scenario's answers.
pub(crate) fn score(score: &mut Score, labels: &[Vec<String>], said: &[Attribution]) {
    let (mut exact, mut hits, mut named, mut true_ones) = (0.0, 0.0, 0.0, 0.0);
    let (mut organic, mut cleared, mut open) = (0.0, 0.0, 0.0);
    for (label, attribution) in labels.iter().zip(said) {
        let answer = answer(attribution);
        exact += f64::from(u8::from(answer == *label));
        hits += answer.iter().filter(|id| label.contains(id)).count() as f64;
        named += answer.len() as f64;
        true_ones += label.len() as f64;
        if label.is_empty() {
            organic += 1.0;
            cleared += f64::from(u8::from(answer.is_empty()));
        }
        use squall_judge::attribution::Conclusion::Undecidable;
        open += f64::from(u8::from(matches!(attribution.conclusion, Undecidable(_))));
    }
    let all = labels.len() as f64;
    score.exact.add(exact, all);
    score.precision.add(hits, named);
    score.recall.add(hits, true_ones);
    score.cleared.add(cleared, organic);
    score.undecidable.add(open, all);
}

/// Scores every rung on the scenarios of some families and seeds.
pub(crate) fn rungs(families: &[Family], seeds: std::ops::Range<u64>) -> Vec<(Rung, Score)> {
    let mut scores: Vec<(Rung, Score)> = Rung::ALL.map(|r| (r, Score::default())).into();
    let first = seeds.start;
    let all = over((seeds.end - first) as usize, |i| {
        let tried = tried(&draw(first + i as u64, families[i % families.len()], None));
        let said = Rung::ALL
            .map(|up_to| attribute(&tried.case, &Settings { up_to, ..Settings::default() }));
        (tried.labels, said)
    });
    for (labels, said) in all {
        for ((_, sum), said) in scores.iter_mut().zip(&said) {
            score(sum, &labels, said);
        }
    }
    scores
}

pub(crate) fn table(title: &str, scores: &[(Rung, Score)]) -> String {
    let mut out = format!(
        "\n### {title}\n\n| rung | exact set | precision | recall | organic cleared | undecidable | episodes |\n\
         | --- | --- | --- | --- | --- | --- | ---: |\n"
    );
    for (rung, s) in scores {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            rung.letter(),
            s.exact.text(),
            s.precision.text(),
            s.recall.text(),
            s.cleared.text(),
            s.undecidable.text(),
            s.exact.whole()
        );
    }
    out
}

/// The report. Held-out seeds and mechanisms were never looked at while the judge was written.
pub(crate) fn report() -> String {
    let sets: [(&str, &[Family], std::ops::Range<u64>); 3] = [
        ("Overlapping faults: development seeds", &Family::DEVELOPMENT, 1_000..1_400),
        ("Overlapping faults: held-out seeds", &Family::DEVELOPMENT, 5_000_000..5_000_200),
        ("Overlapping faults: unseen mechanisms", &Family::HELD_OUT, 5_000_000..5_000_100),
    ];
    let one = |(title, families, seeds): (&str, &[Family], std::ops::Range<u64>)| {
        let names: Vec<&str> = families.iter().map(|f| f.name()).collect();
        format!("{}\nFamilies: {}.\n", table(title, &rungs(families, seeds)), names.join(", "))
    };
    sets.into_iter().take(shown()).map(one).collect()
}

/// How many sets are shown: `JUDGE_SETS=development` shows the first alone, for those who change
/// the judge and must not see the others.
pub(crate) fn shown() -> usize {
    let alone = std::env::var("JUDGE_SETS").is_ok_and(|sets| sets == "development");
    if alone { 1 } else { 3 }
}
