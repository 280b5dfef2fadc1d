//! Owns how a scenario is drawn from its seed.

use super::dice::Stream;
use super::flow::{Detail, simulate};
use super::scenario::{
    Bad, Disturbance, Driven, Edge, Family, Kind, Rule, Scenario, Service, Sight, Slots, TICK_S,
};

/// Ticks of a scenario: twenty minutes.
const TICKS: usize = 240;
/// Ticks before anything is declared.
const QUIET: usize = 60;
/// Slots of a toggled scenario, one minute each.
const TOGGLE: Slots = Slots { from: QUIET, length: 12, count: 10 };

/// Draws a scenario. `toggled` gives its faults a schedule of on and off instead of one hold:
/// one row a fault, of [`Slots::count`] slots.
pub(crate) fn draw(seed: u64, family: Family, toggled: Option<&[Vec<bool>]>) -> Scenario {
    let mut stream = Stream::new(seed.wrapping_mul(31).wrapping_add(family as u64));
    let (services, edges) = topology(&mut stream, family);
    let entries = entries(&mut stream, &services, &edges);
    let mut scenario = Scenario {
        seed: seed ^ (family as u64) << 40,
        family,
        ticks: TICKS,
        sight: sight(&mut stream, services.len(), &edges),
        services,
        edges,
        entries,
        disturbances: Vec::new(),
        slots: None,
        driven: Driven::default(),
        rules: Vec::new(),
    };
    size(&mut stream, &mut scenario);
    scenario.rules = rules(&mut stream, &scenario);
    calm(&mut scenario);
    faults(&mut stream, &mut scenario, toggled);
    incidents(&mut stream, &mut scenario);
    scenario.sight.bite_known = scenario.disturbances.iter().map(|_| stream.chance(0.5)).collect();
    scenario
}

fn topology(stream: &mut Stream, family: Family) -> (Vec<Service>, Vec<Edge>) {
    let count = stream.whole(12, 30);
    let shares = matches!(family, Family::Shared | Family::Contention);
    let databases = if shares { stream.whole(2, 3) } else { stream.whole(1, 4) };
    let mut services = Vec::new();
    for i in 0..count {
        let is_database = i + databases >= count;
        services.push(Service {
            base_s: if is_database {
                stream.between(0.002, 0.01)
            } else {
                stream.between(0.004, 0.03)
            },
            capacity: 0.0,
            queue: match family {
                Family::LateRecovery => stream.between(4.0, 12.0),
                Family::Metastable => stream.between(2.0, 5.0),
                _ => stream.between(0.2, 2.0),
            },
            error: stream.between(0.0, 0.0004),
            sequential: stream.chance(0.7),
            is_database,
            collapse: if family == Family::Metastable { stream.between(0.3, 0.55) } else { 0.0 },
        });
    }
    let layers = stream.whole(3, 5);
    let inner = count - databases;
    let layer = |i: usize| if i < inner { i * layers / inner } else { layers };
    let mut edges = Vec::new();
    for from in 0..inner {
        let mut below: Vec<usize> =
            (from + 1..count).filter(|to| layer(*to) > layer(from)).collect();
        let wanted = if layer(from) == 0 { stream.whole(2, 4) } else { stream.whole(1, 3) };
        for _ in 0..wanted.min(below.len()) {
            // Near layers are likelier, and databases where nodes are shared.
            let mut at = stream.whole(0, below.len() - 1);
            if !shares || stream.chance(0.4) {
                at = at.min(stream.whole(0, below.len() - 1));
            }
            let to = below.swap_remove(at);
            edges.push(edge(stream, family, from, to));
        }
    }
    (services, edges)
}

fn edge(stream: &mut Stream, family: Family, from: usize, to: usize) -> Edge {
    let retries = match family {
        Family::Plain => stream.pick(&[0, 0, 1]),
        Family::Retries => stream.pick(&[1, 2, 3]),
        Family::Metastable => stream.pick(&[2, 3, 4]),
        _ => stream.pick(&[0, 1, 2]),
    };
    Edge {
        from,
        to,
        calls: stream.pick(&[0.3, 0.6, 1.0, 1.0, 1.0, 2.0]),
        retries,
        propagation: stream.pick(&[0.3, 0.6, 1.0, 1.0]),
        timeout_s: 0.0,
    }
}

fn entries(stream: &mut Stream, services: &[Service], edges: &[Edge]) -> Vec<(usize, f64)> {
    let called = |i: usize| edges.iter().any(|e| e.to == i);
    let mut roots: Vec<usize> =
        (0..services.len()).filter(|i| !services[*i].is_database && !called(*i)).collect();
    // Traffic enters everywhere that nothing calls; the first are what rules are about.
    let rates: Vec<(usize, f64)> =
        roots.drain(..).map(|i| (i, stream.between(30.0, 400.0))).collect();
    rates
}

/// Gives services their capacity and edges their timeouts from what flows on a good day.
fn size(stream: &mut Stream, scenario: &mut Scenario) {
    for service in &mut scenario.services {
        service.capacity = 1e9;
    }
    for edge in &mut scenario.edges {
        edge.timeout_s = 1e3;
    }
    let calm = Scenario { ticks: 24, ..scenario.clone() };
    let trace = simulate(&calm, &Vec::new(), Detail::All);
    let mean = |of: &dyn Fn(usize) -> f64| (4..24).map(of).sum::<f64>() / 20.0;
    for i in 0..scenario.services.len() {
        let flow = mean(&|t| trace.services[t][i].requests as f64);
        let usage = match scenario.family {
            Family::Saturation | Family::LateRecovery => stream.between(0.45, 0.66),
            Family::Metastable => stream.between(0.5, 0.68),
            Family::Contention => stream.between(0.35, 0.6),
            _ => stream.between(0.15, 0.5),
        };
        scenario.services[i].capacity = (flow / usage).max(20.0);
    }
    for (e, edge) in scenario.edges.iter_mut().enumerate() {
        let normal_s = mean(&|t| trace.edges[t][e].latency_s);
        edge.timeout_s = (normal_s * stream.between(6.0, 15.0)).max(0.1);
    }
}

fn rules(stream: &mut Stream, scenario: &Scenario) -> Vec<Rule> {
    let calm = Scenario { ticks: 40, ..scenario.clone() };
    let trace = simulate(&calm, &Vec::new(), Detail::All);
    let first = scenario.entries[0].0;
    let last = scenario.entries[scenario.entries.len() - 1].0;
    let normal_s =
        |at: usize| (10..40).map(|t| trace.services[t][at].latency_s).sum::<f64>() / 30.0;
    let failing = |at: usize| {
        let (mut bad, mut all) = (0.0, 0.0);
        for moments in &trace.services[10..40] {
            bad += moments[at].errors as f64;
            all += moments[at].requests as f64;
        }
        bad / f64::max(all, 1.0)
    };
    // A rule leaves room above a good day, as rules that somebody lives with do.
    let allowed = |at: usize, m: f64| m.max(2.5 * failing(at));
    let slow = |stream: &mut Stream, at: usize| Rule {
        service: at,
        bad: Bad::Slow(normal_s(at) * stream.between(2.8, 4.2)),
        allowed: 0.05,
    };
    let m = stream.pick(&[0.005, 0.01]);
    let third = if stream.chance(0.5) {
        Rule { service: last, bad: Bad::Failed, allowed: allowed(last, m) }
    } else {
        slow(stream, last)
    };
    vec![
        Rule { service: first, bad: Bad::Failed, allowed: allowed(first, m) },
        slow(stream, first),
        third,
    ]
}

/// No experiment starts where the steady state does not hold: capacity is added until a day
/// without any disturbance keeps the rules.
fn calm(scenario: &mut Scenario) {
    for _ in 0..12 {
        let trace = simulate(scenario, &Vec::new(), Detail::Rules);
        let broken = |i: usize, allowed: f64| {
            let over =
                |t: &&Vec<super::flow::Counted>| t[i].expected > 0.8 * allowed * t[i].total as f64;
            trace.rules.iter().filter(over).count() > 1
        };
        let rules = scenario.rules.iter().enumerate();
        if !rules.clone().any(|(i, rule)| broken(i, rule.allowed)) {
            return;
        }
        scenario.services.iter_mut().for_each(|s| s.capacity *= 1.1);
    }
}

fn faults(stream: &mut Stream, scenario: &mut Scenario, toggled: Option<&[Vec<bool>]>) {
    let count = toggled.map_or_else(|| stream.whole(2, 4), <[_]>::len);
    scenario.slots = toggled.map(|_| TOGGLE);
    let center = stream.whole(QUIET + 10, QUIET + 50);
    let below = |at: usize| scenario.edges.iter().any(|e| e.from == at);
    let inner: Vec<usize> = (0..scenario.services.len())
        .filter(|i| !scenario.services[*i].is_database && (below(*i) || *i > 3))
        .collect();
    let mut drawn = Vec::new();
    for i in 0..count {
        let mut service = stream.pick(&inner);
        if scenario.family == Family::Shared && stream.chance(0.5) {
            let databases = scenario.services.iter().filter(|s| s.is_database).count();
            service = scenario.services.len() - 1 - stream.whole(0, databases - 1);
        }
        let mut kind = kind(stream, scenario.family);
        if scenario.family == Family::Contention && (i == 0 || stream.chance(0.4)) {
            let callers: Vec<usize> = (scenario.edges.iter())
                .filter(|e| scenario.services[e.to].is_database)
                .map(|e| e.from)
                .collect();
            if !callers.is_empty() {
                service = stream.pick(&callers);
                kind = Kind::Queries(stream.between(3.0, 14.0));
            }
        }
        let from = stream.whole(center.saturating_sub(20).max(QUIET), center + 20);
        let length = stream.whole(15, 60);
        drawn.push(Disturbance {
            declared: true,
            service,
            kind,
            from,
            to: (from + length).min(TICKS - 30),
            lag: stream.pick(&[0, 0, 0, 1, 2, 4]),
            tail: tail(stream, scenario.family),
            works: !stream.chance(1.0 / 3.0),
            slots: toggled.map(|rows| rows[i].clone()),
        });
    }
    scenario.disturbances = drawn;
}

fn tail(stream: &mut Stream, family: Family) -> usize {
    match family {
        Family::LateRecovery => stream.whole(3, 14),
        _ => stream.pick(&[0, 0, 1, 2, 5]),
    }
}

fn kind(stream: &mut Stream, family: Family) -> Kind {
    let scope = stream.pick(&[0.3, 0.5, 1.0]);
    let crowded = matches!(family, Family::Saturation | Family::LateRecovery | Family::Metastable);
    let which = if crowded { stream.pick(&[0, 1, 2, 2, 2, 3, 4, 4]) } else { stream.whole(0, 4) };
    match which {
        0 => Kind::Error(scope * stream.between(0.02, 0.5)),
        1 => Kind::Delay(scope * stream.between(0.02, 0.4)),
        2 => Kind::Cpu((0.3 + 0.5 * scope) * stream.between(0.5, 1.0)),
        3 => Kind::Loss(scope * stream.between(0.02, 0.3)),
        _ => Kind::Kill(0.6 * scope + stream.between(0.0, 0.3)),
    }
}

fn incidents(stream: &mut Stream, scenario: &mut Scenario) {
    let inner: Vec<usize> = (0..scenario.services.len()).collect();
    for _ in 0..stream.pick(&[0, 1, 2, 2]) {
        let kind = match stream.whole(0, 5) {
            0 => Kind::Surge(stream.between(1.3, 2.2)),
            _ => kind(stream, scenario.family),
        };
        // During the faults as often as not.
        let from = stream.whole(QUIET - 30, TICKS - 60);
        let length = stream.pick(&[8, 15, 30, 60, 200]);
        scenario.disturbances.push(Disturbance {
            declared: false,
            service: stream.pick(&inner),
            kind,
            from,
            to: (from + length).min(TICKS),
            lag: 0,
            tail: tail(stream, scenario.family),
            works: true,
            slots: None,
        });
    }
}

fn sight(stream: &mut Stream, services: usize, edges: &[Edge]) -> Sight {
    let skew = |stream: &mut Stream| (stream.between(-1.5, 1.5) * TICK_S * 1e3) as i64;
    let dark = stream.chance(0.3).then(|| {
        let from = stream.whole(QUIET, TICKS - 60);
        (stream.whole(0, services - 1), from, from + 15)
    });
    Sight {
        edges: stream.chance(0.75),
        databases: stream.chance(0.6),
        missing: stream.between(0.0, 0.06),
        dark,
        skew_ms: (0..services).map(|_| skew(stream)).collect(),
        unmapped: (0..edges.len()).filter(|_| stream.chance(0.02)).collect(),
        bite_known: Vec::new(),
    }
}
