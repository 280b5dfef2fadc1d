//! Owns how requests ended and after what time, apart by outcome and status: the place where a
//! time-out shows, since it ends many requests after the same time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Ways of ending told apart; a service that has more is counted without status.
const WAYS_MAX: usize = 64;
/// Times are told apart by so much, from a tenth of a millisecond to some minutes.
const STEP: f64 = 1.02;
const SMALLEST_S: f64 = 0.000_1;
const LARGEST_S: f64 = 600.0;
/// How much is kept of what an answer said.
pub(crate) const SAID_MAX: usize = 120;

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    outcome: &'static str,
    code: Option<u16>,
}

/// The requests that went one way.
#[derive(Debug, Clone, Default, PartialEq)]
struct Went {
    /// By the number of steps from the smallest time.
    times: BTreeMap<u16, u64>,
    said: Option<String>,
}

/// Counts of endings so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Endings(BTreeMap<Way, Went>);

/// Requests that ended alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// `ok`, `error`, `timeout` or `dropped`.
    pub outcome: &'static str,
    /// The status of the answer.
    pub code: Option<u16>,
    /// How many.
    pub count: u64,
    /// The tenth, fiftieth and ninetieth percentile of their times.
    pub times: [Duration; 3],
    /// The start of what the last answer said, or why there was none.
    pub said: Option<String>,
}

/// A source's endings, for whoever reads them while it runs.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Endings>>);

impl Ledger {
    /// Returns the counts so far.
    #[must_use]
    pub fn so_far(&self) -> Endings {
        self.lock().clone()
    }

    pub(crate) fn count(
        &self,
        outcome: &'static str,
        code: Option<u16>,
        took: Duration,
        said: Option<String>,
    ) {
        self.lock().count(outcome, code, took, said);
    }

    fn lock(&self) -> MutexGuard<'_, Endings> {
        // A count lost to a panic elsewhere is better than no counts.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Endings {
    fn count(
        &mut self,
        outcome: &'static str,
        code: Option<u16>,
        took: Duration,
        said: Option<String>,
    ) {
        let known = self.0.contains_key(&Way { outcome, code });
        let code = code.filter(|_| known || self.0.len() < WAYS_MAX);
        let went = self.0.entry(Way { outcome, code }).or_default();
        *went.times.entry(step(took)).or_default() += 1;
        went.said = said.or(went.said.take());
    }

    /// Returns what was counted after `before`, which was read earlier; the most frequent first.
    #[must_use]
    pub fn since(&self, before: &Endings) -> Vec<Ending> {
        let none = Went::default();
        let mut endings: Vec<Ending> = self
            .0
            .iter()
            .filter_map(|(way, went)| {
                let earlier = before.0.get(way).unwrap_or(&none);
                let new = |(step, count): (&u16, &u64)| {
                    let old = earlier.times.get(step).copied().unwrap_or(0);
                    (*step, count.saturating_sub(old))
                };
                let times: Vec<(u16, u64)> = went.times.iter().map(new).collect();
                let count = times.iter().map(|(_, count)| count).sum();
                (count > 0).then(|| Ending {
                    outcome: way.outcome,
                    code: way.code,
                    count,
                    times: [0.1, 0.5, 0.9].map(|share| quantile(&times, count, share)),
                    said: went.said.clone(),
                })
            })
            .collect();
        endings.sort_by_key(|ending| std::cmp::Reverse(ending.count));
        endings
    }
}

fn step(took: Duration) -> u16 {
    let seconds = took.as_secs_f64().clamp(SMALLEST_S, LARGEST_S);
    ((seconds / SMALLEST_S).ln() / STEP.ln()).round() as u16
}

fn quantile(times: &[(u16, u64)], count: u64, share: f64) -> Duration {
    let rank = ((count as f64 * share).ceil() as u64).max(1);
    let mut seen = 0;
    let at = times.iter().find(|(_, count)| {
        seen += count;
        seen >= rank
    });
    let step = at.map_or(0, |(step, _)| *step);
    Duration::from_secs_f64(SMALLEST_S * STEP.powi(i32::from(step)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ways_are_counted_apart_and_only_what_is_new() {
        let ledger = Ledger::default();
        let ms = Duration::from_millis;
        ledger.count("ok", Some(200), ms(5), None);
        let before = ledger.so_far();
        for took in [498, 500, 502] {
            ledger.count("error", Some(504), ms(took), Some("late".into()));
        }
        ledger.count("ok", Some(200), ms(7), None);
        let endings = ledger.so_far().since(&before);
        let shown: Vec<_> = endings.iter().map(|e| (e.outcome, e.code, e.count)).collect();
        assert_eq!(shown, [("error", Some(504), 3), ("ok", Some(200), 1)]);
        assert_eq!(endings[0].said.as_deref(), Some("late"));
        let [low, half, high] = endings[0].times.map(|time| time.as_secs_f64());
        assert!((half / 0.5 - 1.0).abs() < 0.02 && high / low < 1.03, "{low} {half} {high}");
    }

    #[test]
    fn ways_are_bounded() {
        let mut endings = Endings::default();
        for code in 100..599 {
            endings.count("error", Some(code), Duration::ZERO, None);
        }
        assert_eq!(endings.0.len(), WAYS_MAX + 1);
        assert_eq!(endings.since(&Endings::default()).iter().map(|e| e.count).sum::<u64>(), 499);
    }

    proptest! {
        #[test]
        fn a_time_is_read_back_within_its_step(ms in 1_u64..600_000) {
            let mut endings = Endings::default();
            endings.count("ok", None, Duration::from_millis(ms), None);
            let read = endings.since(&Endings::default())[0].times[1].as_secs_f64() * 1e3;
            prop_assert!((read / ms as f64 - 1.0).abs() <= 0.011, "{ms} {read}");
        }
    }
}
