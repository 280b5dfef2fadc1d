//! Owns the outcome of one indicator over a window: inside, outside, or not decided.

use crate::bursts::Bursts;
use crate::monitor::Status;
use crate::reading::{Counts, Data, Indicator};
use crate::sequence::interval_of_bursts;

/// Numbers without events behind them that are needed before "always inside" means anything.
pub const NUMBERS_MIN: u32 = 3;

/// How one indicator fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Inside its bound, shown by enough data.
    Pass,
    /// Outside its bound, shown by enough data.
    Fail,
    /// Not enough data to say.
    Undecided,
}

/// What was seen of one indicator over a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    /// The indicator.
    pub indicator: Indicator,
    /// Its events.
    pub counts: Counts,
    /// Samples with a number.
    pub numbers: u32,
    /// Anomalous samples.
    pub strikes: u32,
    /// Anomalous samples in a row, up to the last one; a gap does not clear them.
    pub strikes_in_row: u32,
    /// Samples without a number that may hide anything.
    pub gaps: u32,
    /// Gaps in a row, up to the last sample.
    pub gaps_in_row: u32,
    /// The worst single value.
    pub worst: Option<f64>,
    /// The last value.
    pub last: Option<f64>,
    /// The highest evidence against the bound.
    pub e: Option<f64>,
    /// How much its bad events come in bursts.
    pub bursts: Bursts,
    /// The correlation of bad events within a sample that an earlier window showed.
    pub rho: f64,
    sum: f64,
    values: u32,
    counted: bool,
}

impl Tally {
    /// Starts empty.
    pub fn new(indicator: Indicator) -> Tally {
        Tally {
            indicator,
            counts: Counts::default(),
            numbers: 0,
            strikes: 0,
            strikes_in_row: 0,
            gaps: 0,
            gaps_in_row: 0,
            worst: None,
            last: None,
            e: None,
            bursts: Bursts::default(),
            rho: 0.0,
            sum: 0.0,
            values: 0,
            counted: false,
        }
    }

    /// Adds one judged sample.
    pub(crate) fn add(&mut self, data: Data, status: Status, e: Option<f64>) {
        match status {
            Status::Inside => self.strikes_in_row = 0,
            Status::Outside => {
                self.strikes += 1;
                self.strikes_in_row += 1;
            }
            Status::Missing | Status::Empty => {}
        }
        let missing = matches!(data, Data::Missing | Data::Partial(_));
        self.gaps += u32::from(missing);
        self.gaps_in_row = if missing { self.gaps_in_row + 1 } else { 0 };
        let value = match data {
            Data::Counted(counts, value) => {
                self.counts = self.counts.plus(counts);
                self.bursts.add(counts);
                self.counted = true;
                value
            }
            Data::Value(value) => Some(value),
            Data::Partial(counts) => {
                self.counts = self.counts.plus(counts);
                self.counted = true;
                None
            }
            Data::Empty => {
                self.counted = true;
                None
            }
            Data::Missing => None,
        };
        if matches!(status, Status::Inside | Status::Outside) {
            self.numbers += 1;
        }
        if let Some(value) = value {
            self.add_value(value);
        }
        self.e = e;
    }

    /// Tells whether its events were counted.
    pub fn is_counted(&self) -> bool {
        self.counted && self.indicator.bad_share.is_some()
    }

    /// The value over the whole window: the share of all its events, or the mean of its values.
    pub fn value(&self) -> Option<f64> {
        if self.indicator.is_share && self.is_counted() && self.counts.total > 0 {
            let bad = self.counts.bad_least as f64 / self.counts.total as f64;
            return Some(if self.indicator.at_least { 1.0 - bad } else { bad });
        }
        (self.values > 0).then(|| self.sum / f64::from(self.values))
    }

    /// The share of bad events, at least.
    pub fn bad_share(&self) -> Option<f64> {
        (self.is_counted() && self.counts.total > 0)
            .then(|| self.counts.bad_least as f64 / self.counts.total as f64)
    }

    /// The confidence sequence of the share of bad events.
    pub fn interval(&self, alpha: f64) -> Option<(f64, f64)> {
        // Events that come in bursts are worth fewer independent ones.
        let per_sample = self.counts.total as f64 / f64::from(self.numbers.max(1));
        let design = 1.0 + (per_sample - 1.0).max(0.0) * self.rho;
        self.is_counted().then(|| interval_of_bursts(self.counts, design, alpha))
    }

    /// Bad events above what the bound allows.
    pub fn excess(&self) -> u64 {
        let Some(allowed) = self.indicator.bad_share else { return 0 };
        let expected = (allowed * self.counts.total as f64).ceil() as u64;
        self.counts.bad_least.saturating_sub(expected)
    }

    /// How the indicator fared. `consecutive` anomalous samples in a row at the end are a
    /// failure by the abort rule; so is a confidence sequence that lies outside the bound.
    pub fn outcome(&self, alpha: f64, consecutive: u32) -> Outcome {
        if self.strikes_in_row >= consecutive.max(1) {
            return Outcome::Fail;
        }
        match (self.interval(alpha), self.indicator.bad_share) {
            (Some((low, _)), Some(allowed)) if low > allowed => Outcome::Fail,
            _ if self.gaps > 0 => Outcome::Undecided,
            (Some((_, high)), Some(allowed)) if high <= allowed => Outcome::Pass,
            (Some(_), Some(_)) => Outcome::Undecided,
            _ if self.numbers >= NUMBERS_MIN && self.strikes == 0 => Outcome::Pass,
            _ => Outcome::Undecided,
        }
    }

    /// Tells whether the window as a whole kept the bound, as far as its numbers go: the check
    /// before a fault. None where there is no number, or none of late.
    pub fn met(&self, consecutive: u32) -> Option<bool> {
        if self.numbers == 0 || self.gaps_in_row >= consecutive.max(1) {
            return None;
        }
        if self.strikes_in_row >= consecutive.max(1) {
            return Some(false);
        }
        match (self.bad_share(), self.indicator.bad_share) {
            (Some(share), Some(allowed)) => Some(share <= allowed),
            _ => self.last.map(|value| self.indicator.inside(value)),
        }
    }

    fn add_value(&mut self, value: f64) {
        self.sum += value;
        self.values += 1;
        self.last = Some(value);
        let worse = |old: f64| if self.indicator.at_least { value < old } else { value > old };
        if self.worst.is_none_or(worse) {
            self.worst = Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::Watch;
    use crate::reading::{Reading, Rule};
    use proptest::prelude::*;

    fn orders(bad_share: f64) -> Indicator {
        Indicator {
            name: "order success".into(),
            bound: 1.0 - bad_share,
            at_least: true,
            strict: false,
            bad_share: Some(bad_share),
            is_share: true,
        }
    }

    fn queue() -> Indicator {
        Indicator {
            name: "queue".into(),
            bound: 10.0,
            at_least: false,
            strict: false,
            bad_share: None,
            is_share: false,
        }
    }

    fn counts(total: u64, bad_least: u64, bad_most: u64) -> Reading {
        let counts = Some(Counts { total, bad_least, bad_most });
        Reading { value: Some(1.0 - bad_least as f64 / total as f64), counts, gap: None }
    }

    fn judge(indicator: Indicator, readings: &[Reading]) -> Outcome {
        let rule = Rule {
            consecutive: 2,
            literal: false,
            alpha: 0.01,
            evidence_aborts: false,
            samples: 60,
            rho: 0.0,
        };
        let mut watch = Watch::new(rule, &[indicator]);
        readings.iter().for_each(|r| _ = watch.sample(std::slice::from_ref(r)));
        watch.tallies()[0].outcome(0.01, 2)
    }

    fn minute(bad: u64) -> Vec<Reading> {
        // The bad orders come spread out, so that the sequence decides and not the rule.
        (0..60)
            .map(|i| {
                counts(500, bad / 60 + u64::from(i < bad % 60), bad / 60 + u64::from(i < bad % 60))
            })
            .collect()
    }

    #[test]
    fn a_minute_of_orders_decides_as_the_plan_says() {
        assert_eq!(judge(orders(0.0005), &minute(1)), Outcome::Pass);
        assert_eq!(judge(orders(0.0005), &minute(2)), Outcome::Undecided);
        assert_eq!(judge(orders(0.0005), &minute(300)), Outcome::Fail);
    }

    #[test]
    fn a_bound_between_two_buckets_passes_on_the_most_and_fails_on_the_least() {
        let unsure = |least, most| vec![counts(500, least, most); 60];
        assert_eq!(judge(orders(0.05), &unsure(0, 100)), Outcome::Undecided);
        assert_eq!(judge(orders(0.05), &unsure(0, 1)), Outcome::Pass);
        assert_eq!(judge(orders(0.05), &unsure(60, 100)), Outcome::Fail);
    }

    #[test]
    fn numbers_without_events_need_three_inside_and_none_outside() {
        let of = |values: &[f64]| values.iter().map(|v| Reading::of(*v)).collect::<Vec<_>>();
        assert_eq!(judge(queue(), &of(&[1.0, 2.0])), Outcome::Undecided);
        assert_eq!(judge(queue(), &of(&[1.0, 2.0, 3.0])), Outcome::Pass);
        assert_eq!(judge(queue(), &of(&[1.0, 20.0, 3.0, 4.0])), Outcome::Undecided);
        assert_eq!(judge(queue(), &of(&[1.0, 20.0, 30.0])), Outcome::Fail);
        assert_eq!(judge(queue(), &of(&[1.0, 2.0, 3.0, f64::NAN])), Outcome::Undecided);
    }

    #[test]
    fn one_gap_among_sixty_good_samples_is_no_pass() {
        let mut readings = minute(0);
        readings[30] = Reading::missing("scrape failed");
        assert_eq!(judge(orders(0.0005), &readings), Outcome::Undecided);
        readings[30] = Reading { counts: Some(Counts::default()), ..Reading::default() };
        assert_eq!(judge(orders(0.001), &readings), Outcome::Pass, "an empty second hides nothing");
    }

    #[test]
    fn what_a_reset_left_can_refute_and_never_clear() {
        let reset =
            |bad| Reading { gap: Some("a counter was reset".into()), ..counts(500, bad, bad) };
        assert_eq!(judge(orders(0.01), &vec![reset(0); 60]), Outcome::Undecided);
        assert_eq!(judge(orders(0.01), &vec![reset(100); 2]), Outcome::Fail);
    }

    #[test]
    fn no_samples_decide_nothing() {
        assert_eq!(judge(orders(0.5), &[]), Outcome::Undecided);
        assert_eq!(judge(queue(), &[]), Outcome::Undecided);
        assert_eq!(Tally::new(queue()).met(2), None);
    }

    fn rank(outcome: Outcome) -> u8 {
        match outcome {
            Outcome::Pass => 0,
            Outcome::Undecided => 1,
            Outcome::Fail => 2,
        }
    }

    fn samples() -> impl Strategy<Value = Vec<(u64, u64)>> {
        prop::collection::vec((1u64..2_000, 0u64..40), 1..40)
    }

    proptest! {
        #[test]
        fn added_bad_events_never_improve_an_outcome(
            samples in samples(), at in 0usize..40, more in 1u64..500,
        ) {
            let readings = |extra: Option<usize>| samples.iter().enumerate().map(|(i, (n, k))| {
                let bad = (k + if extra == Some(i) { more } else { 0 }).min(*n);
                counts(*n, bad, bad)
            }).collect::<Vec<_>>();
            let before = judge(orders(0.01), &readings(None));
            let after = judge(orders(0.01), &readings(Some(at % samples.len())));
            prop_assert!(rank(after) >= rank(before), "{before:?} became {after:?}");
        }

        #[test]
        fn missing_data_never_passes(samples in samples(), at in 0usize..40) {
            let mut readings: Vec<_> = samples.iter().map(|(n, _)| counts(*n, 0, 0)).collect();
            let at = at % readings.len();
            readings[at] = Reading { gap: Some("stale".into()), ..Reading::default() };
            prop_assert_ne!(judge(orders(0.2), &readings), Outcome::Pass);
        }
    }
}
