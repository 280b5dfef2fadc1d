//! Owns where to look first: services by how much worse they are than before, less what the
//! services they call explain. A hint for a person where no declared fault did it, and the
//! evidence at the target where several faults are in question.

use super::case::{Measure, Service, Signal};
use super::grid::median;
use super::map::ServiceMap;
use std::collections::BTreeMap;

/// The part of its usual value by which a series must move, at least, to move by one.
const FLOOR: f64 = 0.1;
/// Deviations of a normal law within which 95 of 100 values are. The spread is told from there and
/// not from the middle: what a series does now and then is no news.
const WITHIN_95: f64 = 1.96;
/// Points before the window that a series needs.
const BEFORE_MIN: usize = 5;
/// The part of a callee's suspicion that explains its caller's.
const EXPLAINS: f64 = 0.8;
/// The suspicion that is left to a service whose callees explain all of it: it may still be it.
const REST: f64 = 0.1;
/// What a node is worth that nobody but its callers measured: its trouble may as well be theirs,
/// the network's between, or that of a service behind it.
const SEEN_BY_CALLERS: f64 = 0.5;

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

/// Ranks services by suspicion over a window, the most suspected first. `broken` is the service
/// whose indicator is bad, `about` what that indicator measures, where it is known. Where there
/// is a map, only services that `broken` reaches are ranked.
pub fn rank(
    services: &[Service],
    map: Option<&ServiceMap>,
    (broken, about): (&str, Option<Measure>),
    window: (i64, i64),
) -> Vec<Ranked> {
    let map = map.filter(|map| map.knows(broken));
    let below = map.map(|map| map.below(broken));
    let scored: Vec<(String, f64, f64)> = (scored(services, about, window).into_iter())
        .filter(|(name, ..)| below.as_ref().is_none_or(|b| b.contains(name.as_str())))
        .collect();
    let of = |name: &str| scored.iter().find(|s| s.0 == name).map_or(0.0, |s| s.1);
    let mut ranked: Vec<Ranked> = (scored.iter())
        .map(|(name, anomaly, worth)| {
            let callees = map.map(|m| m.callees(name).collect::<Vec<_>>());
            let callees = callees.unwrap_or_default();
            let worst = callees.iter().map(|c| of(c)).fold(0.0f64, f64::max);
            let own = (anomaly - EXPLAINS * worst).max(REST * anomaly);
            Ranked { service: name.clone(), score: own * worth, anomaly: *anomaly }
        })
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.service.cmp(&b.service)));
    ranked
}

/// Each service with how much worse it is and what that is worth: services with series of their
/// own, then nodes that only their callers measured.
fn scored(
    services: &[Service],
    about: Option<Measure>,
    window: (i64, i64),
) -> Vec<(String, f64, f64)> {
    let mut scored: Vec<(String, f64, f64)> = Vec::new();
    for service in services {
        if let Some(anomaly) = anomaly(service, window, about) {
            scored.push((service.name.clone(), anomaly, 1.0));
        }
    }
    let mut seen: BTreeMap<&str, f64> = BTreeMap::new();
    for service in services {
        for callee in service.signals.iter().filter_map(|s| s.callee.as_deref()) {
            let view = service.signals.iter().filter(|s| s.callee.as_deref() == Some(callee));
            let Some(anomaly) = worst(&view.collect::<Vec<_>>(), window, about) else { continue };
            let most = seen.entry(callee).or_default();
            *most = most.max(anomaly);
        }
    }
    seen.retain(|name, _| scored.iter().all(|s| s.0 != *name));
    scored.extend(seen.into_iter().map(|(name, a)| (name.to_string(), a, SEEN_BY_CALLERS)));
    scored
}

/// How much worse a service is in a window than before it, in logarithms of usual movements:
/// 0 is as before. `disturbs` weighs what a fault of that kind would show first. None where it
/// has no series of its own with enough points.
pub fn anomaly(service: &Service, window: (i64, i64), disturbs: Option<Measure>) -> Option<f64> {
    let own: Vec<&Signal> = service.signals.iter().filter(|s| s.callee.is_none()).collect();
    worst(&own, window, disturbs)
}

/// The worst of some series, by what they measure.
fn worst(signals: &[&Signal], window: (i64, i64), disturbs: Option<Measure>) -> Option<f64> {
    let mut by_measure: Vec<(Measure, f64)> = Vec::new();
    for signal in signals {
        let requests = signals
            .iter()
            .find(|s| s.measure == Measure::Requests && s.instance == signal.instance);
        let requests = requests.filter(|_| signal.measure == Measure::Errors);
        let moved = match requests {
            Some(requests) => share_moved(signal, requests, window),
            None => moved(signal, window),
        };
        let Some(moved) = moved else { continue };
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
    let values = signal.points.iter().filter_map(|p| Some((p.at_ms, p.number()?))).collect();
    let (now, usual, spread, most) = levels(values, window)?;
    let scale = spread.max(FLOOR * usual.abs()).max(1e-3 * most).max(1e-9);
    Some((now - usual) / scale)
}

/// The same for the share of requests that fail, whose movement is at least what chance alone
/// gives so many requests: one failure of ten proves little, and a hundred of a thousand much.
fn share_moved(errors: &Signal, requests: &Signal, window: (i64, i64)) -> Option<f64> {
    let mut asked: BTreeMap<i64, f64> = BTreeMap::new();
    asked.extend(requests.points.iter().filter_map(|p| Some((p.at_ms, p.number()?))));
    let share = |p: &super::case::Point| {
        let total = asked.get(&p.at_ms).copied().filter(|total| *total > 0.0)?;
        Some((p.at_ms, (p.number()? / total).clamp(0.0, 1.0)))
    };
    let values: Vec<(i64, f64)> = errors.points.iter().filter_map(share).collect();
    let all: f64 = asked.range(window.0..=window.1).map(|(_, total)| total).sum();
    let (now, usual, spread, _) = levels(values, window)?;
    let chance = (usual.max(1.0 / all) / all).sqrt();
    let scale = spread.max(FLOOR * usual).max(chance);
    (all > 0.0).then_some((now - usual) / scale)
}

/// The mean in a window, what was usual just before it, the usual spread, and the largest value
/// before. What is usual comes from as long a time before the window as it is long, where there
/// are points: series drift. None where there is too little to compare.
fn levels(values: Vec<(i64, f64)>, window: (i64, i64)) -> Option<(f64, f64, f64, f64)> {
    let (from, to) = window;
    let of = |inside: &dyn Fn(i64) -> bool| -> Vec<f64> {
        values.iter().filter(|(at, _)| inside(*at)).map(|(_, value)| *value).collect()
    };
    let before = of(&|at| at < from);
    let during = of(&|at| (from..=to).contains(&at));
    if before.len() < BEFORE_MIN || during.is_empty() {
        return None;
    }
    let middle = median(before.clone())?;
    let recent = of(&|at| at < from && at >= from - (to - from));
    let usual = median(recent).unwrap_or(middle);
    let mut apart: Vec<f64> = before.iter().map(|v| (v - middle).abs()).collect();
    apart.sort_by(f64::total_cmp);
    let spread = apart[(apart.len() - 1) * 95 / 100] / WITHIN_95;
    let most = before.iter().map(|v| v.abs()).fold(0.0f64, f64::max);
    Some((during.iter().sum::<f64>() / during.len() as f64, usual, spread, most))
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
        let ranked = rank(&services, Some(&map), ("gateway", None), (50, 60));
        let names: Vec<&str> = ranked.iter().map(|r| r.service.as_str()).collect();
        assert_eq!(names[0], "payment");
        assert!(!names.contains(&"elsewhere"), "the gateway does not depend on it");
        assert!(ranked.iter().any(|r| r.service == "stock" && r.anomaly < 0.5));
        assert!(rarity(&services[2], (50, 60), None).is_some_and(|p| p <= 0.2));
        assert!(rarity(&services[3], (50, 60), None).is_some_and(|p| p > 0.2));
        assert_eq!(anomaly(&services[0], (70, 80), None), None, "no data is no suspicion");
    }

    fn signal(name: &str, measure: Measure, value: impl Fn(i64) -> f64) -> Signal {
        let points = (0..60).map(|t| Point::new(t, value(t))).collect();
        Signal { name: name.into(), measure, callee: None, instance: None, points }
    }

    #[test]
    fn a_failure_of_ten_requests_is_less_than_a_hundred_of_a_thousand() {
        let failing = |name: &str, requests: f64, errors: f64| Service {
            name: name.into(),
            signals: vec![
                signal("requests", Measure::Requests, |_| requests),
                signal("errors", Measure::Errors, |t| if t >= 50 { errors } else { 0.0 }),
            ],
        };
        let services = [failing("few", 1.0, 0.1), failing("many", 1_000.0, 100.0)];
        let of = |i: usize| anomaly(&services[i], (50, 60), None).expect("both have series");
        assert!(of(1) > 2.0 * of(0), "{} and {}", of(0), of(1));
        let ranked = rank(&services, None, ("", Some(Measure::Errors)), (50, 60));
        assert_eq!(ranked[0].service, "many");
    }

    #[test]
    fn what_only_its_caller_sees_is_worth_less_than_what_a_service_tells_itself() {
        let jump = |t: i64| if t >= 50 { 3.0 } else { 1.0 };
        let view =
            Signal { callee: Some("balancer".into()), ..signal("calls", Measure::Latency, jump) };
        let services = [
            Service { name: "gateway".into(), signals: vec![view] },
            Service { name: "order".into(), signals: vec![signal("own", Measure::Latency, jump)] },
        ];
        let map = ServiceMap::new([("gateway", "balancer"), ("gateway", "order")]);
        let ranked = rank(&services, Some(&map), ("gateway", None), (50, 60));
        let names: Vec<&str> = ranked.iter().map(|r| r.service.as_str()).collect();
        assert_eq!(names, ["order", "balancer"]);
        assert!((ranked[1].score - SEEN_BY_CALLERS * ranked[0].score).abs() < 1e-9);
    }
}
