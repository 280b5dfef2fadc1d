//! Owns how the requests of the run's own traffic ended, in the baseline and while faults were on.

use squall_signals::{Ending, Endings, Ledger, Source};
use squall_wire::ending::Ending as Recorded;
use squall_wire::record::{Event, Phase};

/// Ways of ending that are recorded; a service with more has no pattern to show.
const WAYS_MAX: usize = 16;

/// What is read at the borders of phases.
pub(super) struct Watch {
    ledgers: Vec<Ledger>,
    since: Vec<Endings>,
    /// The phase whose endings are being counted.
    phase: Option<Phase>,
}

impl Watch {
    pub(super) fn new(sources: &[Box<dyn Source>]) -> Watch {
        let ledgers = sources.iter().filter_map(|source| source.endings()).collect();
        Watch { ledgers, since: Vec::new(), phase: None }
    }

    /// Takes note of a phase that begins; returns what to record of the one that ends with it.
    pub(super) fn begins(&mut self, phase: Phase) -> Option<Event> {
        let next = match phase {
            Phase::Baseline => Some(Phase::Baseline),
            // Faults that follow one another, or are switched on and off, are counted as one.
            Phase::Injecting | Phase::Holding | Phase::Draining | Phase::Reverting => {
                Some(Phase::Holding)
            }
            Phase::Recovering | Phase::Judging | Phase::Done => None,
        };
        if self.ledgers.is_empty() || next == self.phase {
            return None;
        }
        let now: Vec<Endings> = self.ledgers.iter().map(Ledger::so_far).collect();
        let before = std::mem::replace(&mut self.since, now);
        let ended = std::mem::replace(&mut self.phase, next)?;
        let mut endings: Vec<Ending> =
            self.since.iter().zip(&before).flat_map(|(now, before)| now.since(before)).collect();
        endings.sort_by_key(|ending| std::cmp::Reverse(ending.count));
        endings.truncate(WAYS_MAX);
        let endings = endings.into_iter().map(recorded).collect();
        Some(Event::Endings { phase: ended, endings })
    }
}

fn recorded(ending: Ending) -> Recorded {
    // Tenths of a millisecond: no finer than the steps they were counted in.
    let [p10_ms, p50_ms, p90_ms] =
        ending.times.map(|time| (time.as_secs_f64() * 1e4).round() / 10.0);
    Recorded {
        outcome: ending.outcome.to_owned(),
        code: ending.code,
        count: ending.count,
        p10_ms,
        p50_ms,
        p90_ms,
        said: ending.said,
    }
}
