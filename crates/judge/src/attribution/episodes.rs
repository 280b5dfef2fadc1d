//! Owns when a rule counts as broken: from counted samples to episodes.

use super::case::{Episode, Measure, Point};
use crate::reading::Counts;
use crate::tail::beta_binomial;

/// The chance with which one sample of a rule that is just met may look anomalous.
const SAMPLE_CHANCE: f64 = 0.01;
/// Samples among which two anomalous ones begin an episode: one missing scrape between them is
/// no excuse.
const BEGIN_WITHIN: usize = 3;
/// Samples without an anomalous one that end an episode.
const QUIET: usize = 4;

/// A rule's counted samples.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleCounts {
    /// The rule's name.
    pub rule: String,
    /// The service whose SLI it is about.
    pub service: String,
    /// What it measures.
    pub measure: Measure,
    /// The share of bad events it allows.
    pub allowed: f64,
    /// Correlation of bad events within a sample, where they come in bursts.
    pub rho: f64,
    /// The samples, in time order; none where there is no data.
    pub samples: Vec<(i64, Option<Counts>)>,
}

impl RuleCounts {
    /// The excess of each sample: bad events above what is allowed, negative where there is room.
    pub fn excess(&self) -> Vec<Point> {
        let excess = |c: &Counts| c.bad_least as f64 - self.allowed * c.total as f64;
        let point = |(at_ms, counts): &(i64, Option<Counts>)| Point {
            at_ms: *at_ms,
            value: counts.as_ref().map(excess),
        };
        self.samples.iter().map(point).collect()
    }

    /// The times in which the rule was broken.
    pub fn episodes(&self) -> Vec<Episode> {
        let anomalous: Vec<bool> = self.samples.iter().map(|(_, c)| self.is_anomalous(c)).collect();
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for at in (0..anomalous.len()).filter(|i| anomalous[*i]) {
            if let Some(span) = spans.last_mut().filter(|span| at - span.1 <= QUIET) {
                span.1 = at;
                continue;
            }
            let soon = at + 1..(at + BEGIN_WITHIN).min(anomalous.len());
            if soon.into_iter().any(|i| anomalous[i]) {
                spans.push((at, at));
            }
        }
        let excess = self.excess();
        let episode = |(from, to): (usize, usize)| Episode {
            rule: self.rule.clone(),
            service: self.service.clone(),
            measure: self.measure,
            from_ms: self.samples[from].0,
            to_ms: self.samples[to].0,
            excess: excess.clone(),
        };
        spans.into_iter().map(episode).collect()
    }

    fn is_anomalous(&self, counts: &Option<Counts>) -> bool {
        let Some(Counts { total, bad_least, .. }) = counts.map(Counts::sound) else { return false };
        total > 0 && beta_binomial(total, self.allowed, bad_least, self.rho) <= SAMPLE_CHANCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(bad: &[i64]) -> Vec<(i64, i64)> {
        let sample = |(i, bad): (usize, &i64)| {
            let counts = u64::try_from(*bad).ok().map(|bad| Counts {
                total: 200,
                bad_least: bad,
                bad_most: bad,
            });
            (i as i64, counts)
        };
        let rule = RuleCounts {
            rule: "orders".into(),
            service: "gateway".into(),
            measure: Measure::Errors,
            allowed: 0.01,
            rho: 0.0,
            samples: bad.iter().enumerate().map(sample).collect(),
        };
        rule.episodes().iter().map(|e| (e.from_ms, e.to_ms)).collect()
    }

    #[test]
    fn an_episode_begins_with_two_and_ends_with_quiet() {
        assert_eq!(spans(&[0, 1, 9, 2, 0, 0, 0, 0]), [], "one is luck");
        assert_eq!(spans(&[0, 9, 9, 2, 1, 9, 0, 0, 0, 0, 0, 9, 9]), [(1, 5), (11, 12)]);
        assert_eq!(spans(&[0, 9, -1, 9, 0, 0]), [(1, 3)], "a hole between is no excuse");
        assert_eq!(spans(&[-1; 9]), []);
        assert_eq!(spans(&[]), []);
    }
}
