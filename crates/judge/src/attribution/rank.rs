//! Owns where to look first: services by how much worse they are than before, less what the
//! services they call explain. A hint for a person where no declared fault did it, and the
//! evidence at the target where several faults are in question.

use super::case::{Measure, Service, Signal};
use super::grid::median;
use super::map::ServiceMap;

/// The part of its usual value by which a series must move, at least, to move by one.
const FLOOR: f64 = 0.1;
/// Points before the window that a series needs.
const BEFORE_MIN: usize = 5;
/// The part of a callee's suspicion that explains its caller's.
const EXPLAINS: f64 = 0.8;
/// The suspicion that is left to a service whose callees explain all of it: it may still be it.
const REST: f64 = 0.1;

/// One service and how much it is suspected.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// The service.
    pub service: String,
    /// How much worse it is than before, less what its callees explain.
    pub score: f64,
    /// How much worse it is than before.
    pub anomaly: f64,
}

/// Ranks services by suspicion over a window, the most suspected first. Where there is a map,
/// only services that `broken` reaches are ranked.
pub fn rank(
    services: &[Service],
    map: Option<&ServiceMap>,
    broken: &str,
    window: (i64, i64),
) -> Vec<Ranked> {
    let map = map.filter(|map| map.knows(broken));
    let below = map.map(|map| map.below(broken));
    let inside = |s: &&Service| below.as_ref().is_none_or(|b| b.contains(s.name.as_str()));
    let scored: Vec<(&Service, f64)> = (services.iter().filter(inside))
        .filter_map(|s| Some((s, anomaly(s, window, None)?)))
        .collect();
    let of = |name: &str| scored.iter().find(|(s, _)| s.name == name).map_or(0.0, |(_, a)| *a);
    let mut ranked: Vec<Ranked> = (scored.iter())
        .map(|(service, anomaly)| {
            let callees = map.map(|m| m.callees(&service.name).collect::<Vec<_>>());
            let callees = callees.unwrap_or_default();
            let worst = callees.iter().map(|c| of(c)).fold(0.0f64, f64::max);
            let own = (anomaly - EXPLAINS * worst).max(REST * anomaly);
            Ranked { service: service.name.clone(), score: own, anomaly: *anomaly }
        })
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.service.cmp(&b.service)));
    ranked
}

/// How much worse a service is in a window than before it, in logarithms of usual movements:
/// 0 is as before. `disturbs` weighs what a fault of that kind would show first. None where it
/// has no series with enough points.
pub fn anomaly(service: &Service, window: (i64, i64), disturbs: Option<Measure>) -> Option<f64> {
    let mut by_measure: Vec<(Measure, f64)> = Vec::new();
    for signal in &service.signals {
        let Some(moved) = moved(signal, window) else { continue };
        let worse = match signal.measure {
            Measure::Errors | Measure::Latency | Measure::Resource => moved.max(0.0),
            // Less traffic may be an effect as well as a cause.
            Measure::Requests | Measure::Other => 0.3 * moved.abs(),
        };
        let score = worse.ln_1p();
        match by_measure.iter_mut().find(|(m, _)| *m == signal.measure) {
            Some((_, best)) => *best = best.max(score),
            None => by_measure.push((signal.measure, score)),
        }
    }
    let weight = |measure: Measure| match disturbs {
        Some(first) if first != measure => 0.4,
        _ => 1.0,
    };
    let best = by_measure.iter().map(|(m, score)| weight(*m) * score);
    (!by_measure.is_empty()).then(|| best.fold(0.0f64, f64::max))
}

/// How likely a service is as bad as in a window at any other time before it: the share of
/// earlier windows of the same length that were. Small is suspicious.
pub fn rarity(service: &Service, window: (i64, i64), disturbs: Option<Measure>) -> Option<f64> {
    let now = anomaly(service, window, disturbs)?;
    let length = (window.1 - window.0).max(1);
    let first = service.signals.iter().filter_map(|s| s.points.first()).map(|p| p.at_ms).min()?;
    let (mut at_least, mut all) = (0u32, 0u32);
    let mut end = window.0;
    while end - length > first && all < WINDOWS_MAX {
        if let Some(then) = anomaly(service, (end - length, end), disturbs) {
            all += 1;
            at_least += u32::from(then >= now);
        }
        end -= length;
    }
    Some(f64::from(1 + at_least) / f64::from(1 + all))
}

/// Earlier windows that are compared with at most.
const WINDOWS_MAX: u32 = 200;

/// By how many usual movements a series is above what it was before the window.
fn moved(signal: &Signal, window: (i64, i64)) -> Option<f64> {
    let (from, to) = window;
    let values = |inside: &dyn Fn(i64) -> bool| -> Vec<f64> {
        let points = signal.points.iter().filter(|p| inside(p.at_ms));
        points.filter_map(super::case::Point::number).collect()
    };
    let before = values(&|at| at < from);
    let during = values(&|at| (from..=to).contains(&at));
    if before.len() < BEFORE_MIN || during.is_empty() {
        return None;
    }
    let now = during.iter().sum::<f64>() / during.len() as f64;
    let usual = median(before.clone())?;
    let spread = 1.4826 * median(before.iter().map(|v| (v - usual).abs()).collect())?;
    let most = before.iter().map(|v| v.abs()).fold(0.0f64, f64::max);
    let scale = spread.max(FLOOR * usual.abs()).max(1e-3 * most).max(1e-9);
    Some((now - usual) / scale)
}

#[cfg(test)]
mod tests {
    use super::super::case::Point;
    use super::*;

    fn service(name: &str, latency: impl Fn(i64) -> f64) -> Service {
        let points = (0..60).map(|t| Point::new(t, latency(t))).collect();
        let signal = Signal {
            name: "latency".into(),
            measure: Measure::Latency,
            callee: None,
            instance: None,
            points,
        };
        Service { name: name.into(), signals: vec![signal] }
    }

    #[test]
    fn the_deepest_service_that_got_worse_is_first() {
        let bump = |t: i64, by: f64| 1.0 + 0.01 * (t % 5) as f64 + if t >= 50 { by } else { 0.0 };
        let services = [
            service("gateway", |t| bump(t, 2.0)),
            service("order", |t| bump(t, 2.0)),
            service("payment", |t| bump(t, 2.0)),
            service("stock", |t| bump(t, 0.0)),
            service("elsewhere", |t| bump(t, 9.0)),
        ];
        let map = ServiceMap::new([("gateway", "order"), ("order", "payment"), ("order", "stock")]);
        let ranked = rank(&services, Some(&map), "gateway", (50, 60));
        let names: Vec<&str> = ranked.iter().map(|r| r.service.as_str()).collect();
        assert_eq!(names[0], "payment");
        assert!(!names.contains(&"elsewhere"), "the gateway does not depend on it");
        assert!(ranked.iter().any(|r| r.service == "stock" && r.anomaly < 0.5));
        assert!(rarity(&services[2], (50, 60), None).is_some_and(|p| p <= 0.2));
        assert!(rarity(&services[3], (50, 60), None).is_some_and(|p| p > 0.2));
        assert_eq!(anomaly(&services[0], (70, 80), None), None, "no data is no suspicion");
    }
}
