//! Owns the truth: which faults a rule would not have been broken without, found by replaying
//! the system without each, with the same luck everywhere else.

use super::flow::{Detail, Present, Trace, simulate};
use super::scenario::{Driven, Scenario};

/// The share of an episode's excess from which a fault is one of its causes.
pub(crate) const SHARE: f64 = 0.3;
/// Below this sum of shares an episode is over-determined: any of its causes would have done.
const OVERDETERMINED: f64 = 0.5;
/// The share of the excess that one cause alone must give to be sufficient.
const SUFFICIENT: f64 = 0.5;
/// Excess that was to be expected, as a share of what was counted, below which an episode is
/// nothing but bad luck.
const LUCK: f64 = 0.2;

/// The replays of one scenario.
pub(crate) struct Truth {
    /// As it happened.
    pub(crate) full: Trace,
    /// Without each declared fault.
    without: Vec<Trace>,
    /// With nothing but each declared fault.
    only: Vec<Trace>,
    /// Without the incidents.
    no_incidents: Trace,
    allowed: Vec<f64>,
    /// What counts for nothing is no excess of anybody.
    driven: Driven,
}

/// What is true of one episode.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Label {
    /// The causes among the declared faults, by position.
    pub(crate) causes: Vec<usize>,
    /// The share of the excess that goes away without each fault.
    pub(crate) but_for: Vec<f64>,
}

impl Truth {
    /// Replays a scenario.
    pub(crate) fn of(scenario: &Scenario) -> Truth {
        let all = scenario.disturbances.len();
        let declared = scenario.declared();
        let present = |keep: &dyn Fn(usize) -> bool| -> Present { (0..all).map(keep).collect() };
        let run = |keep: &dyn Fn(usize) -> bool| simulate(scenario, &present(keep), Detail::Rules);
        Truth {
            full: simulate(scenario, &present(&|_| true), Detail::All),
            without: declared.iter().map(|d| run(&|i| i != *d)).collect(),
            only: declared.iter().map(|d| run(&|i| i == *d)).collect(),
            no_incidents: run(&|i| scenario.disturbances[i].declared),
            allowed: scenario.rules.iter().map(|rule| rule.allowed).collect(),
            driven: scenario.driven.clone(),
        }
    }

    /// The truth of one rule over the ticks `from..=to`.
    pub(crate) fn label(&self, rule: usize, from: usize, to: usize) -> Label {
        let excess = |trace: &Trace| self.excess(trace, rule, from, to);
        let full = excess(&self.full);
        let allowed = self.allowed[rule];
        let counted: f64 = (from..=to)
            .filter(|t| self.driven.counts(*t))
            .map(|t| self.full.rules[t][rule])
            .map(|c| (c.bad as f64 - allowed * c.total as f64).max(0.0))
            .sum();
        let none = vec![0.0; self.without.len()];
        if full <= LUCK * counted {
            return Label { causes: Vec::new(), but_for: none };
        }
        let share = |trace: &Trace| ((full - excess(trace)) / full).clamp(0.0, 1.0);
        let but_for: Vec<f64> = self.without.iter().map(share).collect();
        let organic = share(&self.no_incidents);
        let mut causes: Vec<usize> = (0..but_for.len()).filter(|i| but_for[*i] >= SHARE).collect();
        if but_for.iter().sum::<f64>() + organic < OVERDETERMINED {
            let enough = |i: &usize| excess(&self.only[*i]) >= SUFFICIENT * full;
            causes = (0..but_for.len()).filter(enough).collect();
        }
        Label { causes, but_for }
    }

    /// Bad events to be expected above what is allowed.
    fn excess(&self, trace: &Trace, rule: usize, from: usize, to: usize) -> f64 {
        let allowed = self.allowed[rule];
        let over =
            |t: usize| trace.rules[t][rule].expected - allowed * trace.rules[t][rule].total as f64;
        let counted = (from..=to).filter(|t| self.driven.counts(*t));
        counted.map(|t| over(t).max(0.0)).sum()
    }
}
