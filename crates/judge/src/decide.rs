//! Owns the question asked before a run: can this much traffic decide this bound?

use crate::calibrated::bad_needed;
use crate::reading::Rule;
use crate::sequence::{bad_max_for_pass, interval};

/// The longest hold that is looked for, in seconds: a day, the longest a fault may live.
const HOLD_S_MAX: u64 = 86_400;

/// What is known before a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// Events a second.
    pub rate: f64,
    /// How long the fault is on, in seconds.
    pub hold_s: f64,
    /// Time between samples, in seconds.
    pub every_s: f64,
    /// The share of bad events that is allowed.
    pub allowed: f64,
    /// The abort rule of that window.
    pub rule: Rule,
    /// How many indicators are watched.
    pub indicators: usize,
}

/// What the traffic can decide.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Events in the whole window.
    pub events: u64,
    /// Events in one sample.
    pub events_sample: u64,
    /// The most bad events in the window with which the verdict is still held; none where even
    /// no bad event at all leaves it undecided.
    pub bad_max_for_held: Option<u64>,
    /// Bad events that make one sample a strike; none where a sample is too small for it.
    pub bad_for_strike: Option<u64>,
    /// Strikes in a row that refute.
    pub strikes: u32,
    /// The shortest hold with which a service without bad events is held, in seconds.
    pub seconds_to_held: Option<f64>,
}

/// Answers the question.
pub fn can_decide(question: &Question) -> Answer {
    let Question { rate, hold_s, every_s, allowed, ref rule, indicators } = *question;
    let events = whole(rate * hold_s);
    let events_sample = whole(rate * every_s);
    Answer {
        events,
        events_sample,
        bad_max_for_held: bad_max_for_pass(events, allowed, rule.alpha),
        bad_for_strike: bad_needed(rule, indicators, allowed, events_sample),
        strikes: rule.consecutive.max(1),
        seconds_to_held: seconds_to_held(rate, 0.0, allowed, rule.alpha),
    }
}

/// Returns the shortest hold, in whole seconds, after which a service whose true share of bad
/// events is `share` is expected to be held. None where no hold up to a day is enough.
pub fn seconds_to_held(rate: f64, share: f64, allowed: f64, alpha: f64) -> Option<f64> {
    let enough = |seconds: u64| {
        let events = whole(rate * seconds as f64);
        let bad = (share * events as f64).round() as u64;
        interval(events, bad.min(events), alpha).1 <= allowed
    };
    if share >= allowed || !enough(HOLD_S_MAX) {
        return None;
    }
    let (mut low, mut high) = (1, HOLD_S_MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if enough(middle) { high = middle } else { low = middle + 1 }
    }
    Some(low as f64)
}

fn whole(events: f64) -> u64 {
    // A rate that is not a number has no events.
    if events.is_finite() && events > 0.0 { events as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    fn question(rate: f64, allowed: f64) -> Question {
        let rule = Rule {
            consecutive: 2,
            literal: false,
            alpha: 0.01,
            evidence_aborts: false,
            samples: 60,
            rho: 0.0,
        };
        Question { rate, hold_s: 60.0, every_s: 1.0, allowed, rule, indicators: 2 }
    }

    #[test]
    fn the_plan_can_say_what_decides() {
        let orders = can_decide(&question(500.0, 0.0005));
        assert_eq!(orders.events, 30_000);
        assert_eq!(orders.bad_max_for_held, Some(1));
        assert_eq!((orders.strikes, orders.bad_for_strike), (2, Some(3)));
        assert_eq!(orders.seconds_to_held, Some(41.0));
        let latency = can_decide(&question(500.0, 0.05));
        assert_eq!(latency.bad_for_strike, Some(39));
        assert_eq!(latency.seconds_to_held, Some(1.0));
    }

    #[test]
    fn little_traffic_is_told_before_the_run() {
        let answer = can_decide(&question(5.0, 0.0005));
        assert_eq!(answer.bad_max_for_held, None);
        assert_eq!(answer.seconds_to_held, Some(4_054.0));
        assert_eq!(can_decide(&question(0.0, 0.0005)).seconds_to_held, None);
        assert_eq!(can_decide(&question(f64::NAN, 0.0005)).events, 0);
    }

    #[test]
    fn a_lossy_service_needs_longer_and_a_broken_one_is_never_held() {
        let lossy = seconds_to_held(500.0, 0.0003, 0.0005, 0.01).unwrap();
        assert!((400.0..600.0).contains(&lossy), "about eight minutes, not {lossy}");
        assert_eq!(seconds_to_held(500.0, 0.0005, 0.0005, 0.01), None);
    }
}
