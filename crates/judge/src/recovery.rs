//! Owns recovery: when a service was first inside its bounds again, and when that is more than
//! luck.
//!
//! The confirmation is the mirror of the evidence against a bound: a likelihood ratio of "the
//! share is well below what is allowed" to "the share is still at the bound", valid at any time
//! of looking.

use crate::monitor::{Status, Watch};
use crate::outcome::NUMBERS_MIN;
use crate::reading::{Counts, Data, Indicator, Reading, Rule};

/// Shares that a recovered service may have, as parts of what is allowed, with their weights:
/// most services recover to no failures at all.
const SHARES: [(f64, f64); 3] = [(0.0, 0.5), (0.2, 0.25), (0.5, 0.25)];

/// Samples in a row inside their bounds after which a service counts as back, and outside after
/// which it does not any more, where faults go on afterwards.
pub const BACK_AFTER: u32 = 3;

/// How far the recovery has come. Times are milliseconds after the restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The first sample with every indicator inside its bound, of those still inside at the end.
    pub inside_ms: Option<u64>,
    /// When there was enough data to be sure.
    pub confirmed_ms: Option<u64>,
    /// True where any sample had a number.
    pub had_data: bool,
}

/// The window after the restore.
#[derive(Debug, Clone)]
pub struct Recovery {
    watch: Watch,
    proofs: Vec<Proof>,
    alpha: f64,
    progress: Progress,
}

impl Recovery {
    /// Starts a window.
    pub fn new(rule: Rule, indicators: &[Indicator]) -> Recovery {
        Recovery {
            alpha: rule.alpha,
            watch: Watch::new(rule, indicators),
            proofs: indicators.iter().map(|i| Proof::new(i.bad_share)).collect(),
            progress: Progress::default(),
        }
    }

    /// Takes one sample. `after_ms` is the time since the restore.
    pub fn sample(&mut self, after_ms: u64, readings: &[Reading]) -> crate::monitor::Seen {
        let seen = self.watch.sample(readings);
        let has_number = |s: Status| matches!(s, Status::Inside | Status::Outside);
        self.progress.had_data |= seen.each.iter().any(|judged| has_number(judged.status));
        if seen.strike.is_some() {
            self.proofs.iter_mut().for_each(Proof::reset);
        }
        if seen.end.is_some() {
            // A relapse by the same rule that ends a run, or silence: what was seen before it
            // proves nothing. One anomalous sample is within the rule's noise.
            self.proofs.iter_mut().for_each(Proof::reset);
            self.progress.inside_ms = None;
            self.progress.confirmed_ms = None;
            return seen;
        }
        if seen.all_inside() {
            self.progress.inside_ms.get_or_insert(after_ms);
        }
        if self.progress.inside_ms.is_some() && seen.strike.is_none() {
            self.proofs.iter_mut().zip(readings).for_each(|(p, r)| p.sample(r.data()));
            if self.proofs.iter().all(|p| p.is_enough(self.alpha)) {
                self.progress.confirmed_ms.get_or_insert(after_ms);
            }
        }
        seen
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// What was seen of the indicators.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }
}

#[derive(Debug, Clone)]
struct Proof {
    allowed: Option<f64>,
    counts: Counts,
    numbers: u32,
}

impl Proof {
    fn new(allowed: Option<f64>) -> Proof {
        Proof { allowed, counts: Counts::default(), numbers: 0 }
    }

    fn reset(&mut self) {
        *self = Proof::new(self.allowed);
    }

    fn sample(&mut self, data: Data) {
        match data {
            Data::Counted(counts, _) => {
                self.counts = self.counts.plus(counts);
                self.numbers += 1;
            }
            Data::Value(_) => self.numbers += 1,
            Data::Empty | Data::Missing | Data::Partial(_) => {}
        }
    }

    fn is_enough(&self, alpha: f64) -> bool {
        match self.allowed {
            Some(allowed) if self.counts.total > 0 => {
                ln_mirror(allowed, self.counts.total, self.counts.bad_most) >= -alpha.ln()
            }
            _ => self.numbers >= NUMBERS_MIN,
        }
    }
}

/// Log of the evidence that the share is below `allowed`.
fn ln_mirror(allowed: f64, total: u64, bad: u64) -> f64 {
    let (k, good) = (bad as f64, (total - bad) as f64);
    let ln_one = |(part, weight): (f64, f64)| {
        let share = part * allowed;
        let ln_bad = if bad == 0 { 0.0 } else { k * part.ln() };
        weight.ln() + ln_bad + good * ((-share).ln_1p() - (-allowed.min(1.0 - 1e-12)).ln_1p())
    };
    let terms = SHARES.map(ln_one);
    let top = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return top;
    }
    top + terms.iter().map(|t| (t - top).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recovery(bad_share: Option<f64>) -> Recovery {
        let indicator = Indicator {
            name: "orders".into(),
            bound: bad_share.map_or(10.0, |m| 1.0 - m),
            at_least: bad_share.is_some(),
            strict: false,
            bad_share,
            is_share: bad_share.is_some(),
        };
        let rule = Rule {
            consecutive: 2,
            literal: false,
            alpha: 0.01,
            evidence_aborts: false,
            samples: 30,
            rho: 0.0,
        };
        Recovery::new(rule, &[indicator])
    }

    fn counted(total: u64, bad: u64) -> Reading {
        let counts = Some(Counts { total, bad_least: bad, bad_most: bad });
        Reading { value: Some(1.0 - bad as f64 / total as f64), counts, gap: None }
    }

    #[test]
    fn ten_thousand_orders_without_a_failure_confirm_half_a_thousandth() {
        let mut recovery = recovery(Some(0.0005));
        for second in 1..=3 {
            recovery.sample(second * 1_000, &[counted(500, 100)]);
        }
        assert_eq!(recovery.progress().inside_ms, None);
        for second in 4..=40 {
            recovery.sample(second * 1_000, &[counted(500, 0)]);
        }
        let progress = recovery.progress();
        assert_eq!(progress.inside_ms, Some(4_000));
        assert_eq!(progress.confirmed_ms, Some(24_000), "21 s of 500 orders: 10,500");
    }

    #[test]
    fn a_relapse_or_silence_starts_it_anew() {
        let mut recovery = recovery(None);
        let mut say = |at, reading| {
            recovery.sample(at, &[reading]);
            (recovery.progress().inside_ms, recovery.progress().confirmed_ms)
        };
        assert_eq!(say(1, Reading::of(1.0)), (Some(1), None));
        assert_eq!(say(2, Reading::of(50.0)), (Some(1), None), "one is noise");
        assert_eq!(say(3, Reading::of(50.0)), (None, None));
        assert_eq!(say(4, Reading::of(1.0)), (Some(4), None));
        assert_eq!(say(5, Reading::missing("gone")), (Some(4), None));
        assert_eq!(say(6, Reading::missing("gone")), (None, None));
        assert_eq!(say(7, Reading::of(1.0)), (Some(7), None));
        assert_eq!(say(8, Reading::of(1.0)), (Some(7), None));
        assert_eq!(say(9, Reading::of(1.0)), (Some(7), Some(9)));
    }

    #[test]
    fn no_data_is_no_recovery() {
        let mut recovery = recovery(Some(0.01));
        recovery.sample(1_000, &[Reading::missing("gone")]);
        assert_eq!(recovery.progress(), Progress::default());
    }
}
