//! Owns what is a service's own and what it got from the services it calls: each service's
//! failures and time, taken apart by regression on its calls.

use super::case::{Case, Measure, Signal};
use super::grid::{Grid, Track, median, ratio};
use super::nonneg::fit;
use std::collections::BTreeMap;

/// The part of a slot's trouble by which calls may be off without meaning anything.
const RELATIVE: f64 = 0.2;

/// What can be wrong with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// Requests fail.
    Errors,
    /// Requests take longer.
    Latency,
}

/// A trouble taken apart, by slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    /// Above normal, never below 0.
    pub(super) total: Vec<f64>,
    /// What comes from calls, by edge.
    pub(super) from: Vec<(usize, Vec<f64>)>,
    /// What is left.
    pub(super) own: Vec<f64>,
    /// The usual spread of the total.
    pub(super) noise: f64,
}

/// One service.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// Requests; empty where unknown.
    pub(super) requests: Track,
    /// Requests a slot while nothing was done to the system.
    pub(super) usual: f64,
    pub(super) errors: Option<Parts>,
    pub(super) latency: Option<Parts>,
    /// Above normal, one a resource.
    pub(super) resources: Vec<Track>,
    /// Edges to services that it calls.
    pub(super) below: Vec<usize>,
    /// Edges from services that call it.
    pub(super) above: Vec<usize>,
    pub(super) raw_errors: Track,
    pub(super) raw_latency: Track,
}

/// One service's calls to another.
#[derive(Debug, Clone, Default)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// What the caller measured, by slot; empty where it did not.
    pub(super) attempts: Track,
    /// Calls a slot while nothing was done to the system.
    pub(super) usual: f64,
    /// The share of failed calls above normal.
    pub(super) fails: Vec<f64>,
    /// Time above normal.
    pub(super) latency: Vec<f64>,
    pub(super) raw_fails: Track,
    raw_latency: Track,
}

impl Edge {
    /// Tells whether the caller measured its calls.
    pub(super) fn is_seen(&self) -> bool {
        !self.attempts.is_empty()
    }
}

/// All services of a case.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) grid: Grid,
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    index: BTreeMap<String, usize>,
}

impl Model {
    /// Takes a case's services apart. None where there are no samples or no services.
    pub(super) fn of(case: &Case) -> Option<Model> {
        let grid = Grid::of(case)?;
        let mut model =
            Model { grid, nodes: Vec::new(), edges: Vec::new(), index: BTreeMap::new() };
        if case.services.is_empty() {
            return None;
        }
        for service in &case.services {
            model.read(&service.name, &service.signals);
        }
        if let Some(map) = &case.map {
            let calls: Vec<(String, String)> = (map.services())
                .flat_map(|from| map.callees(from).map(move |to| (from.into(), to.into())))
                .collect();
            for (from, to) in calls {
                let (from, to) = (model.node(&from), model.node(&to));
                model.edge(from, to);
            }
        }
        for e in 0..model.edges.len() {
            let (from, to) = (model.edges[e].from, model.edges[e].to);
            model.nodes[from].below.push(e);
            model.nodes[to].above.push(e);
        }
        for e in &mut model.edges {
            e.usual = model.grid.usual(&e.attempts);
        }
        for node in &mut model.nodes {
            node.usual = model.grid.usual(&node.requests);
        }
        for at in 0..model.nodes.len() {
            model.nodes[at].errors = model.errors(at);
            model.nodes[at].latency = model.latency(at);
        }
        Some(model)
    }

    /// A service's place.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// A service's trouble, taken apart.
    pub(super) fn parts(&self, at: usize, trouble: Trouble) -> Option<&Parts> {
        match trouble {
            Trouble::Errors => self.nodes[at].errors.as_ref(),
            Trouble::Latency => self.nodes[at].latency.as_ref(),
        }
    }

    fn node(&mut self, name: &str) -> usize {
        if let Some(at) = self.find(name) {
            return at;
        }
        self.nodes.push(Node::default());
        self.index.insert(name.into(), self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    fn edge(&mut self, from: usize, to: usize) -> usize {
        if let Some(e) = self.edges.iter().position(|e| e.from == from && e.to == to) {
            return e;
        }
        self.edges.push(Edge { from, to, ..Edge::default() });
        self.edges.len() - 1
    }

    fn read(&mut self, name: &str, signals: &[Signal]) {
        let at = self.node(name);
        let grid = self.grid.clone();
        let add = |sum: &mut Track, signal: &Signal| {
            let track = grid.track(&signal.points);
            if sum.is_empty() {
                *sum = track;
                return;
            }
            // Instances of a service add up; one that is missing leaves what the others say.
            for (sum, value) in sum.iter_mut().zip(track) {
                *sum = match (*sum, value) {
                    (Some(a), Some(b)) => Some(a + b),
                    (a, b) => a.or(b),
                };
            }
        };
        for signal in signals {
            if let Some(callee) = &signal.callee {
                let to = self.node(callee);
                let e = self.edge(at, to);
                let edge = &mut self.edges[e];
                match signal.measure {
                    Measure::Requests => add(&mut edge.attempts, signal),
                    Measure::Errors => add(&mut edge.raw_fails, signal),
                    Measure::Latency => edge.raw_latency = grid.track(&signal.points),
                    Measure::Resource | Measure::Other => {}
                }
                continue;
            }
            let node = &mut self.nodes[at];
            match signal.measure {
                Measure::Requests => add(&mut node.requests, signal),
                Measure::Errors => add(&mut node.raw_errors, signal),
                Measure::Latency => node.raw_latency = grid.track(&signal.points),
                Measure::Resource => node.resources.push(grid.track(&signal.points)),
                Measure::Other => {}
            }
        }
        for edge in self.edges.iter_mut().filter(|e| e.from == at && !e.attempts.is_empty()) {
            if !edge.raw_fails.is_empty() {
                edge.fails = grid.above(&ratio(&edge.raw_fails, &edge.attempts));
            }
            if !edge.raw_latency.is_empty() {
                edge.latency = grid.above(&edge.raw_latency);
            }
        }
    }

    fn errors(&self, at: usize) -> Option<Parts> {
        let node = &self.nodes[at];
        if node.raw_errors.is_empty() || node.requests.is_empty() {
            return None;
        }
        let share = ratio(&node.raw_errors, &node.requests);
        let mut columns = Vec::new();
        for e in &node.below {
            let edge = &self.edges[*e];
            if !edge.fails.is_empty() {
                // One failed call fails one request at most; with retries all tries have to fail,
                // which is what the square stands for.
                let calls = self.grid.usual(&ratio(&edge.attempts, &node.requests)).min(2.0);
                let x: Vec<f64> = edge.fails.iter().map(|f| f.max(0.0) * calls).collect();
                let square = edge.fails.iter().map(|f| f.max(0.0).powi(3) * calls).collect();
                columns.push((*e, x, 1.0));
                columns.push((*e, square, 1.0));
                continue;
            }
            let callee = &self.nodes[edge.to];
            if !callee.raw_errors.is_empty() {
                let share = self.grid.above(&ratio(&callee.raw_errors, &callee.requests));
                columns.push((*e, share.iter().map(|v| v.max(0.0)).collect(), 1.5));
            }
            if !callee.raw_latency.is_empty() {
                // A slow callee shows as failures of its callers, who gave up.
                let usual = self.grid.usual(&callee.raw_latency).max(1e-9);
                let slow = self.grid.above(&callee.raw_latency);
                let slow = slow.iter().map(|v| (v / usual - 1.0).clamp(0.0, 10.0) / 10.0);
                columns.push((*e, slow.collect(), 1.0));
            }
        }
        Some(self.split(&share, columns))
    }

    fn latency(&self, at: usize) -> Option<Parts> {
        let node = &self.nodes[at];
        if node.raw_latency.is_empty() {
            return None;
        }
        let mut columns = Vec::new();
        for e in &node.below {
            let edge = &self.edges[*e];
            let callee = &self.nodes[edge.to];
            if !edge.latency.is_empty() {
                // Time in calls is waited for once at most, and less where calls go in parallel.
                let calls = ratio(&edge.attempts, &node.requests);
                let usual = self.grid.usual(&calls);
                let tries = self.grid.above(&calls);
                let base = self.grid.usual(&edge.raw_latency);
                let x = (edge.latency.iter().zip(&tries))
                    .map(|(l, more)| (l * (usual + more) + base * more).max(0.0))
                    .collect();
                columns.push((*e, x, 1.0));
            } else if !callee.raw_latency.is_empty() {
                let x = self.grid.above(&callee.raw_latency);
                columns.push((*e, x.iter().map(|v| v.max(0.0)).collect(), 2.5));
            }
        }
        Some(self.split(&node.raw_latency, columns))
    }

    fn split(&self, track: &Track, columns: Vec<(usize, Vec<f64>, f64)>) -> Parts {
        let above = self.grid.above(track);
        let total: Vec<f64> = above.iter().map(|v| v.max(0.0)).collect();
        let normal = above[self.grid.normal.clone()].iter().map(|v| v.abs()).collect();
        let noise = 1.4826 * median(normal).unwrap_or(0.0);
        let most: Vec<f64> = columns.iter().map(|c| c.2).collect();
        let edges: Vec<usize> = columns.iter().map(|c| c.0).collect();
        let columns: Vec<Vec<f64>> = columns.into_iter().map(|c| c.1).collect();
        // A system that breaks down as a whole has many slots in which everything is as bad as
        // can be and tells nothing apart: what counts is how far off a slot is for its size.
        let rows: Vec<f64> = total.iter().map(|t| 1.0 / (noise + RELATIVE * t).max(1e-9)).collect();
        let scaled = |x: &Vec<f64>| x.iter().zip(&rows).map(|(v, w)| v * w).collect::<Vec<f64>>();
        let beta = fit(&scaled(&total), &columns.iter().map(scaled).collect::<Vec<_>>(), &most);
        let mut from: Vec<(usize, Vec<f64>)> = Vec::new();
        for ((edge, column), beta) in edges.iter().zip(&columns).zip(&beta) {
            let part = column.iter().map(|v| v * beta);
            match from.iter_mut().find(|(e, _)| e == edge) {
                Some((_, sum)) => sum.iter_mut().zip(part).for_each(|(s, p)| *s += p),
                None => from.push((*edge, part.collect())),
            }
        }
        let mut own = total.clone();
        for (t, own) in own.iter_mut().enumerate() {
            let given: f64 = from.iter().map(|(_, part)| part[t]).sum();
            if given > *own {
                // More than there is cannot have come from below.
                let scale = if given > 0.0 { *own / given } else { 0.0 };
                from.iter_mut().for_each(|(_, part)| part[t] *= scale);
                *own = 0.0;
            } else {
                *own -= given;
            }
        }
        Parts { total, from, own, noise }
    }
}
