//! Owns how requests flow: load down the calls, failures and time up again, tick by tick.

use super::dice::{Dice, bad_of, normal_share};
use super::scenario::{Bad, Kind, Scenario, TICK_S};

/// Purposes of chance.
const TRAFFIC: u64 = 1;
const SLOW: u64 = 2;
const BURST: u64 = 3;
const COUNT: u64 = 4;
const RULE: u64 = 5;
/// Spread of a request's time around its mean, as a deviation of its logarithm.
const SPREAD: f64 = 0.45;
/// Seconds that a lost packet costs where it is sent again.
const RESEND_S: f64 = 0.2;

/// Which disturbances take part in a replay, by index.
pub(crate) type Present = Vec<bool>;

/// One service at one tick.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moment {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) latency_s: f64,
    pub(crate) use_share: f64,
}

/// One edge at one tick.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Calls {
    pub(crate) attempts: u64,
    pub(crate) failed: u64,
    pub(crate) latency_s: f64,
}

/// One rule at one tick: what was counted, and the bad ones that were to be expected.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    pub(crate) total: u64,
    pub(crate) bad: u64,
    pub(crate) expected: f64,
}

/// What happened, by tick and then by service, edge or rule.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    pub(crate) services: Vec<Vec<Moment>>,
    pub(crate) edges: Vec<Vec<Calls>>,
    pub(crate) rules: Vec<Vec<Counted>>,
}

/// How much of what happens is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The rules alone.
    Rules,
    /// Services and edges, too.
    All,
}

/// Lets time pass with the disturbances that are present.
pub(crate) fn simulate(scenario: &Scenario, present: &Present, detail: Detail) -> Trace {
    let mut system = System::new(scenario);
    let mut trace = Trace::default();
    for tick in 0..scenario.ticks {
        system.forces(tick, present);
        system.load(tick);
        system.answers(tick);
        trace.rules.push(system.rules(tick));
        if detail == Detail::All {
            trace.services.push(system.moments(tick));
            trace.edges.push(system.calls(tick));
        }
    }
    trace
}

/// What disturbs a service now.
#[derive(Debug, Clone, Copy)]
struct Force {
    error: f64,
    delay_s: f64,
    capacity: f64,
    loss: f64,
    queries: f64,
}

impl Default for Force {
    fn default() -> Force {
        Force { error: 0.0, delay_s: 0.0, capacity: 1.0, loss: 0.0, queries: 1.0 }
    }
}

struct System<'s> {
    scenario: &'s Scenario,
    dice: Dice,
    /// The edges of each service; they are sorted by it.
    below: Vec<std::ops::Range<usize>>,
    surge: f64,
    forces: Vec<Force>,
    drift: Vec<f64>,
    traffic_drift: f64,
    arrivals: Vec<f64>,
    backlog: Vec<f64>,
    own_s: Vec<f64>,
    own_error: Vec<f64>,
    usage: Vec<f64>,
    latency_s: Vec<f64>,
    error: Vec<f64>,
    attempts: Vec<f64>,
    attempt_fails: Vec<f64>,
    seen_s: Vec<f64>,
}

impl<'s> System<'s> {
    fn new(scenario: &'s Scenario) -> System<'s> {
        let (services, edges) = (scenario.services.len(), scenario.edges.len());
        let below = |at: usize| {
            scenario.edges.partition_point(|e| e.from < at)
                ..scenario.edges.partition_point(|e| e.from <= at)
        };
        System {
            scenario,
            below: (0..services).map(below).collect(),
            dice: Dice(scenario.seed),
            surge: 1.0,
            forces: vec![Force::default(); services],
            drift: vec![0.0; services],
            traffic_drift: 0.0,
            arrivals: vec![0.0; services],
            backlog: vec![0.0; services],
            own_s: vec![0.0; services],
            own_error: vec![0.0; services],
            usage: vec![0.0; services],
            latency_s: vec![0.0; services],
            error: vec![0.0; services],
            attempts: vec![0.0; edges],
            attempt_fails: vec![0.0; edges],
            seen_s: vec![0.0; edges],
        }
    }

    fn forces(&mut self, tick: usize, present: &Present) {
        self.surge = 1.0;
        self.forces.fill(Force::default());
        for (i, disturbance) in self.scenario.disturbances.iter().enumerate() {
            let level = disturbance.level(tick, self.scenario.slots, &self.scenario.driven);
            if !present[i] || level == 0.0 {
                continue;
            }
            let force = &mut self.forces[disturbance.service];
            match disturbance.kind {
                Kind::Error(p) => force.error = 1.0 - (1.0 - force.error) * (1.0 - p * level),
                Kind::Delay(s) => force.delay_s += s * level,
                Kind::Cpu(share) => force.capacity *= 1.0 - share * level,
                Kind::Loss(p) => force.loss = 1.0 - (1.0 - force.loss) * (1.0 - p * level),
                Kind::Kill(share) => {
                    force.capacity *= 1.0 - share * level;
                    // Half of what went to dead instances fails before it is sent elsewhere.
                    let fails = 0.5 * share * if level >= 1.0 { 1.0 } else { 0.3 * level };
                    force.error = 1.0 - (1.0 - force.error) * (1.0 - fails);
                }
                Kind::Queries(times) => force.queries *= 1.0 + (times - 1.0) * level,
                Kind::Surge(times) => self.surge *= 1.0 + (times - 1.0) * level,
            }
        }
    }

    fn load(&mut self, tick: usize) {
        self.arrivals.fill(0.0);
        self.traffic_drift = 0.9 * self.traffic_drift + 0.02 * self.dice.normal(TRAFFIC, 999, tick);
        let driven = &self.scenario.driven;
        let ticks = driven.day.unwrap_or(self.scenario.ticks);
        let day = 1.0 + 0.1 * (tick as f64 / ticks as f64 * 6.3).sin();
        let open = if driven.pauses(tick) { 0.0 } else { 1.0 };
        for (i, (entry, rate)) in self.scenario.entries.iter().enumerate() {
            let noise = self.traffic_drift + 0.04 * self.dice.normal(TRAFFIC, i, tick);
            self.arrivals[*entry] += (rate * day * self.surge * (1.0 + noise)).max(0.0) * open;
        }
        for at in 0..self.scenario.services.len() {
            for e in self.below[at].clone() {
                let edge = &self.scenario.edges[e];
                // A try follows a failed one; how many fail is known from the tick before.
                let fails = self.attempt_fails[e];
                let tries: f64 = (0..=edge.retries).map(|r| fails.powi(r)).sum();
                let database = self.scenario.services[edge.to].is_database;
                let times = if database { self.forces[at].queries } else { 1.0 };
                self.attempts[e] = self.arrivals[at] * edge.calls * times * tries;
                self.arrivals[edge.to] += self.attempts[e];
            }
        }
    }

    fn answers(&mut self, tick: usize) {
        for at in (0..self.scenario.services.len()).rev() {
            self.work(at, tick);
            let service = &self.scenario.services[at];
            let (mut fine, mut below_s) = (1.0 - self.own_error[at], 0.0f64);
            for e in self.below[at].clone() {
                let edge = &self.scenario.edges[e];
                self.answer(e);
                let failed = self.attempt_fails[e].powi(edge.retries + 1);
                fine *= (1.0 - edge.propagation * failed).powf(edge.calls.min(2.0));
                let tries = self.attempts[e] / (self.arrivals[at] * edge.calls).max(1e-9);
                let took_s = self.seen_s[e] * edge.calls * tries.min(8.0);
                below_s = if service.sequential { below_s + took_s } else { below_s.max(took_s) };
            }
            self.error[at] = 1.0 - fine;
            self.latency_s[at] = self.own_s[at] + below_s;
        }
    }

    /// A service's own part: its queue, its time, its failures.
    fn work(&mut self, at: usize, tick: usize) {
        let service = &self.scenario.services[at];
        let force = self.forces[at];
        let limit = service.capacity * service.queue;
        let fullness = (self.backlog[at] / limit.max(1e-9)).min(1.0);
        let capacity =
            (service.capacity * force.capacity * (1.0 - service.collapse * fullness)).max(1.0);
        let asked = self.backlog[at] + self.arrivals[at];
        let left = (asked - capacity).max(0.0);
        let shed = (left - limit).max(0.0);
        self.backlog[at] = left.min(limit);
        let usage = (self.arrivals[at] / capacity).min(1.0);
        self.usage[at] = (asked / capacity).min(1.0);
        self.drift[at] = 0.8 * self.drift[at] + 0.04 * self.dice.normal(SLOW, at, tick);
        let noise = (self.drift[at] + 0.04 * self.dice.normal(SLOW, at + 500, tick)).exp();
        let crowding = 1.0 + 0.6 * usage.powi(3) / (1.0 - usage).max(0.06);
        let wait_s = self.backlog[at] / capacity * TICK_S;
        self.own_s[at] = service.base_s * noise * crowding + wait_s + force.delay_s;
        let burst = (0.5 * self.dice.normal(BURST, at, tick) - 0.125).exp();
        let shed_share = (shed / self.arrivals[at].max(1.0)).min(1.0);
        let fine = (1.0 - (service.error * burst).min(1.0)) * (1.0 - force.error);
        self.own_error[at] = 1.0 - fine * (1.0 - shed_share);
    }

    /// What a caller sees of its calls.
    fn answer(&mut self, e: usize) {
        let edge = &self.scenario.edges[e];
        let force = self.forces[edge.to];
        let full_s = self.latency_s[edge.to] + force.loss * RESEND_S;
        let late = normal_share((full_s / edge.timeout_s).ln() / SPREAD);
        let good = (1.0 - self.error[edge.to]) * (1.0 - late) * (1.0 - force.loss);
        self.attempt_fails[e] = 1.0 - good;
        self.seen_s[e] = full_s.min(edge.timeout_s);
    }

    fn moments(&self, tick: usize) -> Vec<Moment> {
        let moment = |at: usize| {
            let requests = self.arrivals[at].round() as u64;
            let u = self.dice.at(COUNT, at, tick);
            Moment {
                requests,
                errors: bad_of(requests, self.error[at], u),
                latency_s: self.latency_s[at],
                use_share: self.usage[at],
            }
        };
        (0..self.scenario.services.len()).map(moment).collect()
    }

    fn calls(&self, tick: usize) -> Vec<Calls> {
        let calls = |e: usize| {
            let attempts = self.attempts[e].round() as u64;
            let u = self.dice.at(COUNT, e + 1_000, tick);
            Calls {
                attempts,
                failed: bad_of(attempts, self.attempt_fails[e], u),
                latency_s: self.seen_s[e],
            }
        };
        (0..self.scenario.edges.len()).map(calls).collect()
    }

    fn rules(&self, tick: usize) -> Vec<Counted> {
        let counted = |(i, rule): (usize, &super::scenario::Rule)| {
            let at = rule.service;
            let p = match rule.bad {
                Bad::Failed => self.error[at],
                Bad::Slow(bound_s) => normal_share((self.latency_s[at] / bound_s).ln() / SPREAD),
            };
            let total = self.arrivals[at].round() as u64;
            let bad = bad_of(total, p, self.dice.at(RULE, i, tick));
            Counted { total, bad, expected: p * total as f64 }
        };
        self.scenario.rules.iter().enumerate().map(counted).collect()
    }
}
