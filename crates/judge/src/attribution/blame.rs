//! Owns the walk from a broken rule down the calls to where the trouble arises, slot by slot.
//!
//! At each service the trouble is its own, or came from calls in the parts that the regression
//! found. A service that is slow because it is asked for more than usual passes the blame back
//! up, to whoever asks more.

use super::own::{Model, Trouble};
use std::collections::BTreeMap;

/// Calls that are followed at most: deeper than any map, and the end of circles.
const DEPTH_MAX: usize = 16;
/// How much more load than usual is worth asking where it comes from.
const LOAD_MORE: f64 = 0.25;
/// The share of failed calls from which more calls are retries.
const RETRY_FAILS: f64 = 0.05;

/// Where trouble arises: a service, by place. The weights of a walk sum to what was put in.
pub(super) type Blame = BTreeMap<usize, f64>;

/// Walks from one service's trouble at one slot.
pub(super) fn walk(
    model: &Model,
    at: usize,
    trouble: Trouble,
    slot: usize,
    is_disturbed: &dyn Fn(usize) -> bool,
) -> Blame {
    let mut walk = Walk { model, slot, is_disturbed, blame: Blame::new() };
    walk.service(at, trouble, 1.0, 0);
    walk.blame
}

struct Walk<'m> {
    model: &'m Model,
    slot: usize,
    is_disturbed: &'m dyn Fn(usize) -> bool,
    blame: Blame,
}

impl Walk<'_> {
    fn service(&mut self, at: usize, trouble: Trouble, weight: f64, depth: usize) {
        if weight < 1e-4 {
            return;
        }
        let parts = self.model.parts(at, trouble);
        let Some(parts) = parts.filter(|p| depth < DEPTH_MAX && p.total[self.slot] > 0.0) else {
            return self.own(at, weight, depth);
        };
        let total = parts.total[self.slot];
        for (e, part) in &parts.from {
            let weight = weight * part[self.slot] / total;
            match trouble {
                Trouble::Errors => self.failed_calls(*e, weight, depth + 1),
                Trouble::Latency => self.slow_calls(*e, weight, depth + 1),
            }
        }
        self.own(at, weight * parts.own[self.slot] / total, depth);
    }

    /// Calls that fail: by the callee's failures, by its slowness, or on the way.
    fn failed_calls(&mut self, e: usize, weight: f64, depth: usize) {
        let edge = &self.model.edges[e];
        let (errors, latency) = (
            self.model.parts(edge.to, Trouble::Errors),
            self.model.parts(edge.to, Trouble::Latency),
        );
        let fails = edge.fails.get(self.slot).copied().unwrap_or(0.0);
        let served = errors.map_or(0.0, |p| p.total[self.slot]);
        let by_errors = match (errors, fails > 0.0) {
            (None, _) => 0.0,
            (Some(_), true) => (served / fails).clamp(0.0, 1.0),
            // The caller did not measure: what the callee says is all there is.
            (Some(_), false) if served > 0.0 => 1.0,
            (Some(_), false) => 0.0,
        };
        let slow = latency.is_some_and(|p| p.total[self.slot] > 4.0 * p.noise.max(1e-6));
        self.service(edge.to, Trouble::Errors, weight * by_errors, depth);
        let rest = weight * (1.0 - by_errors);
        if slow {
            self.service(edge.to, Trouble::Latency, rest, depth)
        } else {
            self.own(edge.to, rest, depth)
        }
    }

    /// Calls that take longer: in the callee, or on the way.
    fn slow_calls(&mut self, e: usize, weight: f64, depth: usize) {
        let edge = &self.model.edges[e];
        let seen = edge.latency.get(self.slot).copied().unwrap_or(0.0);
        let in_callee = match self.model.parts(edge.to, Trouble::Latency) {
            None => 0.0,
            Some(parts) if seen > 0.0 => (parts.total[self.slot] / seen).clamp(0.0, 1.0),
            Some(_) => 1.0,
        };
        self.service(edge.to, Trouble::Latency, weight * in_callee, depth);
        self.own(edge.to, weight * (1.0 - in_callee), depth);
    }

    /// A service's own trouble: its own doing, or the load's that others put on it.
    fn own(&mut self, at: usize, weight: f64, depth: usize) {
        if weight < 1e-4 {
            return;
        }
        let (growth, more) = self.more_calls(at);
        // A disturbed service is slow by itself, and the more so the more it is asked for.
        let passed = if (self.is_disturbed)(at) { growth / (1.0 + growth) } else { 1.0 };
        let passed = if depth >= DEPTH_MAX || more.is_empty() { 0.0 } else { passed };
        *self.blame.entry(at).or_default() += weight * (1.0 - passed);
        let all: f64 = more.iter().map(|(_, calls)| calls).sum();
        for (e, calls) in more.into_iter().filter(|_| passed > 0.0) {
            self.load(e, weight * passed * calls / all, depth + 1);
        }
    }

    /// By how much more than usual a service is asked, and by whom with how many calls; nothing
    /// where it is not worth telling.
    fn more_calls(&self, at: usize) -> (f64, Vec<(usize, f64)>) {
        let seen: Vec<usize> = self.model.nodes[at]
            .above
            .iter()
            .copied()
            .filter(|e| self.model.edges[*e].is_seen())
            .collect();
        let (mut usual, mut more) = (0.0, Vec::new());
        for e in seen {
            let edge = &self.model.edges[e];
            usual += edge.usual;
            let above = self.smoothed(&edge.attempts, edge.usual);
            if above > 0.0 {
                more.push((e, above));
            }
        }
        let sum: f64 = more.iter().map(|(_, calls)| calls).sum();
        if sum > LOAD_MORE * usual { (sum / usual.max(1.0), more) } else { (0.0, Vec::new()) }
    }

    /// More calls over one edge: retries are the callee's doing, more calls a request the
    /// caller's, and more requests come from further up.
    fn load(&mut self, e: usize, weight: f64, depth: usize) {
        let edge = &self.model.edges[e];
        let caller = edge.from;
        let fails = edge.fails.get(self.slot).copied().unwrap_or(0.0);
        let requests = &self.model.nodes[caller].requests;
        let usual = self.model.nodes[caller].usual;
        let grew = if requests.is_empty() { 0.0 } else { self.smoothed(requests, usual) };
        if (self.is_disturbed)(caller) {
            *self.blame.entry(caller).or_default() += weight;
        } else if grew > 0.5 * LOAD_MORE * usual && depth < DEPTH_MAX {
            self.own(caller, weight, depth);
        } else if fails > RETRY_FAILS {
            *self.blame.entry(edge.to).or_default() += weight;
        } else {
            *self.blame.entry(caller).or_default() += weight;
        }
    }

    fn smoothed(&self, track: &super::grid::Track, usual: f64) -> f64 {
        // A counter's growth over a hole comes at once; the median of three does not see it.
        let near = self.slot.saturating_sub(1)..(self.slot + 2).min(track.len());
        let known = track[near].iter().flatten().copied().collect();
        super::grid::median(known).map_or(0.0, |value| value - usual)
    }
}
