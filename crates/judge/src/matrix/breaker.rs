//! Owns the error-rate breaker: opens at a rate over a window in which older events weigh less,
//! closes after so many healthy checks in a row. A check is one sample.

use super::timeline::Sample;
use crate::reading::{Counts, Data};
use crate::sequence::interval;
use squall_spec::sla::Breaker;

/// What a breaker did while a fault was on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Opened {
    /// When it opened first, in milliseconds since 1970.
    pub opened_ms: Option<i64>,
    /// When it closed again for the last time.
    pub closed_ms: Option<i64>,
    /// The highest weighted error rate.
    pub worst: f64,
    /// Whether the events at an opening prove that the true rate is that high; without it a few
    /// unlucky events may have opened it.
    pub proven: bool,
}

/// Runs a breaker over samples.
pub(super) fn run(breaker: &Breaker, samples: &[Sample], alpha: f64) -> Opened {
    let mut seen = Opened { opened_ms: None, closed_ms: None, worst: 0.0, proven: false };
    let mut healthy = 0;
    let mut open = false;
    let chance = alpha / samples.len().max(1) as f64;
    let counted: Vec<(i64, Counts)> = samples.iter().filter_map(counts).collect();
    let mut first = 0;
    for last in 0..counted.len() {
        let at_ms = counted[last].0;
        let over_ms = i64::try_from(breaker.over_ms).unwrap_or(i64::MAX);
        while counted[first].0 <= at_ms.saturating_sub(over_ms) {
            first += 1;
        }
        let window = &counted[first..=last];
        let Some(rate) = rate(breaker, window, at_ms) else { continue };
        seen.worst = seen.worst.max(rate);
        let high = if breaker.strict { rate > breaker.opens_at } else { rate >= breaker.opens_at };
        if high {
            healthy = 0;
            open = true;
            seen.opened_ms = seen.opened_ms.or(Some(at_ms));
            seen.closed_ms = None;
            let all = window.iter().fold(Counts::default(), |sum, (_, c)| sum.plus(*c));
            seen.proven |= interval(all.total, all.bad_least, chance).0 > breaker.opens_at;
        } else if open {
            healthy += 1;
            if healthy >= breaker.recover {
                open = false;
                seen.closed_ms = Some(at_ms);
            }
        }
    }
    seen
}

fn counts(sample: &Sample) -> Option<(i64, Counts)> {
    match sample.reading.data() {
        Data::Counted(counts, _) | Data::Partial(counts) => Some((sample.at_ms, counts)),
        Data::Empty => Some((sample.at_ms, Counts::default())),
        Data::Value(_) | Data::Missing => None,
    }
}

/// The weighted share of bad events; none where there is none at all.
fn rate(breaker: &Breaker, window: &[(i64, Counts)], now_ms: i64) -> Option<f64> {
    let weight = |at_ms: i64| match breaker.decay_ms {
        Some(decay_ms) => 0.5_f64.powf((now_ms - at_ms) as f64 / decay_ms as f64),
        None => 1.0,
    };
    let sum = |of: fn(&Counts) -> u64| -> f64 {
        window.iter().map(|(at_ms, c)| weight(*at_ms) * of(c) as f64).sum()
    };
    let total = sum(|c| c.total);
    (total > 0.0).then(|| sum(|c| c.bad_least) / total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Reading;

    fn samples(bad: &[u64]) -> Vec<Sample> {
        let one = |(n, bad): (usize, &u64)| {
            let counts = Counts { total: 1000, bad_least: *bad, bad_most: *bad };
            let reading = Reading { value: None, counts: Some(counts), gap: None };
            Sample { at_ms: (n as i64 + 1) * 60_000, reading, windowed: None }
        };
        bad.iter().enumerate().map(one).collect()
    }

    fn check(decay_ms: Option<u64>, bad: &[u64], expected: (Option<i64>, Option<i64>)) {
        let breaker =
            Breaker { opens_at: 0.005, strict: false, over_ms: 300_000, decay_ms, recover: 3 };
        let seen = run(&breaker, &samples(bad), 0.01);
        let minutes = |ms: Option<i64>| ms.map(|ms| ms / 60_000);
        assert_eq!((minutes(seen.opened_ms), minutes(seen.closed_ms)), expected, "{bad:?}");
    }

    #[test]
    fn it_opens_at_the_rate_and_closes_after_three_healthy_checks() {
        check(None, &[0, 0, 4, 4, 4], (None, None));
        // 30 errors in 5,000 events are 0.6 %; they leave the window after five minutes.
        check(None, &[0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0, 0], (Some(5), Some(12)));
        // Halving every minute, the same errors weigh little two minutes later.
        check(Some(60_000), &[0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0, 0], (Some(5), Some(9)));
        check(None, &[0, 0, 0, 0, 30], (Some(5), None));
        check(None, &[], (None, None));
    }

    #[test]
    fn one_unlucky_request_opens_it_and_proves_nothing() {
        let breaker = Breaker {
            opens_at: 0.005,
            strict: false,
            over_ms: 300_000,
            decay_ms: None,
            recover: 3,
        };
        let counts = Counts { total: 10, bad_least: 1, bad_most: 1 };
        let reading = Reading { value: None, counts: Some(counts), gap: None };
        let one = Sample { at_ms: 60_000, reading, windowed: None };
        let seen = run(&breaker, &[one], 0.01);
        assert_eq!((seen.opened_ms, seen.proven), (Some(60_000), false));
        assert!(run(&breaker, &samples(&[100]), 0.01).proven);
    }
}
