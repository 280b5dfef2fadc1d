//! Owns what a monitoring system sees of what happened: rounded to its clocks, with holes.

use super::dice::Dice;
use super::flow::Trace;
use super::scenario::{Scenario, TICK_S};

const HOLE: u64 = 20;
const HOLE_OF_RULE: u64 = 21;

/// A series: time in milliseconds and value, none where the scrape is missing.
pub(crate) type Line = Vec<(i64, Option<f64>)>;

/// What a service tells of itself, or of calls to one callee.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) service: String,
    pub(crate) callee: Option<String>,
    pub(crate) requests: Line,
    pub(crate) errors: Line,
    pub(crate) latency_s: Line,
    /// Empty for calls.
    pub(crate) use_share: Line,
}

/// A rule's counts.
#[derive(Debug, Clone)]
pub(crate) struct RuleSeries {
    pub(crate) service: String,
    pub(crate) is_latency: bool,
    pub(crate) allowed: f64,
    /// Total and bad events of each sample; none where the sample is missing.
    pub(crate) counts: Vec<(i64, Option<(u64, u64)>)>,
}

/// A declared fault, as its owner tells of it.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) fault: &'static str,
    pub(crate) service: String,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    /// Whether the tool measured that it acted; none where it did not look.
    pub(crate) bit: Option<bool>,
}

/// All that may be known of a scenario without being told the truth.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    pub(crate) map: Vec<(String, String)>,
    pub(crate) series: Vec<Series>,
    pub(crate) rules: Vec<RuleSeries>,
    pub(crate) declared: Vec<Declared>,
}

/// Looks at the rules alone.
pub(crate) fn observe_rules(scenario: &Scenario, trace: &Trace) -> Vec<RuleSeries> {
    Eye { scenario, dice: Dice(scenario.seed ^ 0x0B5E) }.rules(trace)
}

/// Looks at what happened.
pub(crate) fn observe(scenario: &Scenario, trace: &Trace) -> Observed {
    let eye = Eye { scenario, dice: Dice(scenario.seed ^ 0x0B5E) };
    let mut series: Vec<Series> = Vec::new();
    for at in 0..scenario.services.len() {
        if scenario.services[at].is_database && !scenario.sight.databases {
            continue;
        }
        series.push(Series {
            service: scenario.name(at),
            callee: None,
            requests: eye.line(at, true, |t| trace.services[t][at].requests as f64),
            errors: eye.line(at, true, |t| trace.services[t][at].errors as f64),
            latency_s: eye.line(at, false, |t| trace.services[t][at].latency_s),
            use_share: eye.line(at, false, |t| trace.services[t][at].use_share),
        });
    }
    for (e, edge) in scenario.edges.iter().enumerate().filter(|_| scenario.sight.edges) {
        series.push(Series {
            service: scenario.name(edge.from),
            callee: Some(scenario.name(edge.to)),
            requests: eye.line(edge.from, true, |t| trace.edges[t][e].attempts as f64),
            errors: eye.line(edge.from, true, |t| trace.edges[t][e].failed as f64),
            latency_s: eye.line(edge.from, false, |t| trace.edges[t][e].latency_s),
            use_share: Vec::new(),
        });
    }
    let mapped = scenario.edges.iter().enumerate();
    let mapped = mapped.filter(|(e, _)| !scenario.sight.unmapped.contains(e));
    Observed {
        map: mapped.map(|(_, e)| (scenario.name(e.from), scenario.name(e.to))).collect(),
        series,
        rules: eye.rules(trace),
        declared: declared(scenario),
    }
}

fn declared(scenario: &Scenario) -> Vec<Declared> {
    use super::scenario::Kind;
    let one = |index: usize| {
        let fault = &scenario.disturbances[index];
        let ms = |tick: usize| (tick as f64 * TICK_S * 1e3) as i64;
        Declared {
            fault: match fault.kind {
                Kind::Error(_) => "http.abort",
                Kind::Delay(_) => "http.delay",
                Kind::Cpu(_) => "cpu.load",
                Kind::Loss(_) => "net.loss",
                Kind::Kill(_) => "process.kill",
                Kind::Queries(_) => "cache.flush",
                Kind::Surge(_) => "traffic.surge",
            },
            service: scenario.name(fault.service),
            from_ms: ms(fault.from),
            to_ms: ms(fault.to + 1),
            bit: scenario.sight.bite_known[index].then_some(fault.works),
        }
    };
    scenario.declared().into_iter().map(one).collect()
}

struct Eye<'s> {
    scenario: &'s Scenario,
    dice: Dice,
}

impl Eye<'_> {
    /// One series on its service's clock. A counter's growth over a hole comes with the scrape
    /// after it.
    fn line(&self, of: usize, counter: bool, value: impl Fn(usize) -> f64) -> Line {
        let sight = &self.scenario.sight;
        let mut line = Vec::new();
        let mut kept = 0.0;
        for tick in 0..self.scenario.ticks {
            let dark =
                sight.dark.is_some_and(|(who, from, to)| who == of && (from..to).contains(&tick));
            let at_ms = ((tick + 1) as f64 * TICK_S * 1e3) as i64 + sight.skew_ms[of];
            if dark || self.dice.at(HOLE, of, tick) < sight.missing {
                kept += if counter { value(tick) } else { 0.0 };
                line.push((at_ms, None));
                continue;
            }
            line.push((at_ms, Some(value(tick) + kept)));
            kept = 0.0;
        }
        line
    }

    fn rules(&self, trace: &Trace) -> Vec<RuleSeries> {
        let one = |(i, rule): (usize, &super::scenario::Rule)| {
            let count = |tick: usize| {
                let at_ms = ((tick + 1) as f64 * TICK_S * 1e3) as i64;
                let counted = trace.rules[tick][i];
                let hole = self.dice.at(HOLE_OF_RULE, i, tick) < 0.01;
                (at_ms, (!hole).then_some((counted.total, counted.bad)))
            };
            RuleSeries {
                service: self.scenario.name(rule.service),
                is_latency: matches!(rule.bad, super::scenario::Bad::Slow(_)),
                allowed: rule.allowed,
                counts: (0..self.scenario.ticks).map(count).collect(),
            }
        };
        self.scenario.rules.iter().enumerate().map(one).collect()
    }
}
