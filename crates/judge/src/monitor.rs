//! Owns what is known of the indicators in one window of a run, fed one sample at a time, and
//! the abort rule over all of them.

use crate::bursts::Bursts;
use crate::calibrated::{anomalous_counts, anomalous_value};
use crate::evidence::{Evidence, PAUSE};
use crate::outcome::Tally;
use crate::reading::{Counts, Data, Indicator, Reading, Rule};
use crate::tail::share_interval;

/// Samples without any event in a row, as a multiple of the rule's count, that end a run. Quiet
/// services have empty samples; a service that answers nobody for this long is not quiet.
const EMPTY_FACTOR: u32 = 5;
/// The level of the interval that is shown for a single sample.
const SAMPLE_ALPHA: f64 = 0.01;

/// What one reading is, measured against its indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It gives no reason to doubt the bound.
    Inside,
    /// It counts against the bound.
    Outside,
    /// There were no events.
    Empty,
    /// There is no number.
    Missing,
}

/// One reading, judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// What it is.
    pub status: Status,
    /// 99 % interval of this sample's value, for indicators that are shares of counted events.
    pub interval: Option<(f64, f64)>,
    /// The evidence against the bound so far, where events are counted.
    pub e: Option<f64>,
}

/// A sample that counts towards the abort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// Which in a row, from 1.
    pub count: u32,
    /// How many in a row abort.
    pub of: u32,
    /// The indicators outside, by index.
    pub indicators: Vec<usize>,
}

/// Why a window should end now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Enough anomalous samples in a row.
    Strikes,
    /// The anytime-valid evidence reached its limit.
    Evidence,
    /// No data for too long: nobody knows what the fault is doing.
    NoData,
}

/// One sample of all indicators, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// One entry an indicator.
    pub each: Vec<Judged>,
    /// Set where the sample is anomalous.
    pub strike: Option<Strike>,
    /// Set where the window should end.
    pub end: Option<End>,
}

impl Seen {
    /// Tells whether every indicator had a number inside its bound.
    pub fn all_inside(&self) -> bool {
        self.each.iter().all(|judged| judged.status == Status::Inside)
    }
}

/// All indicators over one window.
#[derive(Debug, Clone)]
pub struct Watch {
    rule: Rule,
    monitors: Vec<Monitor>,
    strikes_in_row: u32,
    missing_in_row: u32,
    empty_in_row: u32,
}

impl Watch {
    /// Starts a window.
    pub fn new(rule: Rule, indicators: &[Indicator]) -> Watch {
        let monitors = indicators.iter().map(|i| Monitor::new(i.clone(), &rule)).collect();
        Watch { rule, monitors, strikes_in_row: 0, missing_in_row: 0, empty_in_row: 0 }
    }

    /// Tells the correlation of bad events within a sample of each indicator, for strikes.
    #[must_use]
    pub fn with_bursts(mut self, rhos: &[f64]) -> Watch {
        for (monitor, rho) in self.monitors.iter_mut().zip(rhos) {
            monitor.rho = *rho;
        }
        self
    }

    /// Tells how much bad events of each indicator come in bursts, as an earlier window showed:
    /// for intervals what is known, for what may abort a run what may be.
    #[must_use]
    pub fn with_baseline(mut self, bursts: &[Bursts]) -> Watch {
        for (monitor, bursts) in self.monitors.iter_mut().zip(bursts) {
            monitor.rho = bursts.rho_most();
            monitor.tally.rho = bursts.rho();
            let evidence = monitor.evidence.take();
            monitor.evidence = evidence.map(|e| e.with_rho(monitor.rho));
        }
        self
    }

    /// Tells whether the evidence is enough to put nothing more on the target: less than ends a
    /// run, more than luck.
    pub fn pauses(&self) -> bool {
        self.evidence().is_some_and(|e| e >= PAUSE)
    }

    /// Takes one sample: one reading an indicator. A reading that is not there is a gap.
    pub fn sample(&mut self, readings: &[Reading]) -> Seen {
        let absent = Reading::missing("the sample has no reading of it");
        let count = self.monitors.len();
        let rule = self.rule;
        let each: Vec<Judged> = (self.monitors.iter_mut().enumerate())
            .map(|(i, m)| m.sample(&rule, count, readings.get(i).unwrap_or(&absent)))
            .collect();
        let strike = self.count_strike(&each);
        let end = self.end(strike.is_some());
        Seen { each, strike, end }
    }

    /// What is known of each indicator.
    pub fn tallies(&self) -> Vec<&Tally> {
        self.monitors.iter().map(|m| &m.tally).collect()
    }

    /// The rule of this window.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The average evidence over the indicators whose events are counted: by itself valid
    /// evidence that some bound is broken, however the indicators depend on each other.
    pub fn evidence(&self) -> Option<f64> {
        let all: Vec<f64> =
            self.monitors.iter().filter_map(|m| m.evidence.as_ref().map(Evidence::now)).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    }

    fn count_strike(&mut self, each: &[Judged]) -> Option<Strike> {
        let with = |status| move |judged: &Judged| judged.status == status;
        let outside: Vec<usize> =
            (0..each.len()).filter(|i| each[*i].status == Status::Outside).collect();
        let missing = each.iter().any(with(Status::Missing));
        let empty = each.iter().any(with(Status::Empty));
        self.missing_in_row = if missing { self.missing_in_row + 1 } else { 0 };
        self.empty_in_row = if empty { self.empty_in_row + 1 } else { 0 };
        if outside.is_empty() {
            // A gap proves nothing, so it does not clear the service of its strikes.
            if !missing && !empty {
                self.strikes_in_row = 0;
            }
            return None;
        }
        self.strikes_in_row += 1;
        Some(Strike {
            count: self.strikes_in_row,
            of: self.rule.consecutive.max(1),
            indicators: outside,
        })
    }

    fn end(&self, struck: bool) -> Option<End> {
        let enough = self.rule.consecutive.max(1);
        if struck && self.strikes_in_row >= enough {
            return Some(End::Strikes);
        }
        let evidence = self.evidence().unwrap_or(0.0);
        if self.rule.evidence_aborts && evidence >= 1.0 / self.rule.alpha {
            return Some(End::Evidence);
        }
        let silent = self.missing_in_row >= enough
            || self.empty_in_row >= enough.saturating_mul(EMPTY_FACTOR);
        silent.then_some(End::NoData)
    }
}

#[derive(Debug, Clone)]
struct Monitor {
    indicator: Indicator,
    evidence: Option<Evidence>,
    rho: f64,
    tally: Tally,
}

impl Monitor {
    fn new(indicator: Indicator, rule: &Rule) -> Monitor {
        let evidence = indicator.bad_share.map(|m| Evidence::new(m, rule.samples));
        let tally = Tally::new(indicator.clone());
        Monitor { indicator, evidence, rho: rule.rho, tally }
    }

    fn sample(&mut self, rule: &Rule, indicators: usize, reading: &Reading) -> Judged {
        let data = reading.data();
        let status = match data {
            Data::Missing => Status::Missing,
            Data::Empty => Status::Empty,
            Data::Counted(counts, value) => self.counted(rule, indicators, counts, value),
            Data::Partial(counts) => match self.counted(rule, indicators, counts, None) {
                Status::Outside => Status::Outside,
                _ => Status::Missing,
            },
            Data::Value(value) if anomalous_value(&self.indicator, value) => Status::Outside,
            Data::Value(_) => Status::Inside,
        };
        let events = match data {
            Data::Counted(counts, _) | Data::Partial(counts) => Some(counts),
            _ => None,
        };
        if let (Some(evidence), Some(counts)) = (&mut self.evidence, events) {
            evidence.sample(counts);
        }
        self.tally.add(data, status, self.evidence.as_ref().map(Evidence::highest));
        let e = self.evidence.as_ref().map(Evidence::now);
        Judged { status, interval: self.interval(data), e }
    }

    fn counted(
        &self,
        rule: &Rule,
        indicators: usize,
        counts: Counts,
        value: Option<f64>,
    ) -> Status {
        let outside = match (rule.literal, value, self.indicator.bad_share) {
            (true, Some(value), _) | (false, Some(value), None) => {
                anomalous_value(&self.indicator, value)
            }
            (true, None, Some(allowed)) => counts.bad_least as f64 > allowed * counts.total as f64,
            (false, _, Some(allowed)) => {
                let rule = Rule { rho: self.rho, ..*rule };
                anomalous_counts(&rule, indicators, allowed, counts)
            }
            // Neither a value nor a share to count against: there is nothing to judge.
            (_, None, None) => return Status::Missing,
        };
        if outside { Status::Outside } else { Status::Inside }
    }

    fn interval(&self, data: Data) -> Option<(f64, f64)> {
        let Data::Counted(counts, _) = data else { return None };
        if !self.indicator.is_share {
            return None;
        }
        let (low, high) =
            share_interval(counts.total, counts.bad_least, counts.bad_most, SAMPLE_ALPHA);
        Some(if self.indicator.at_least { (1.0 - high, 1.0 - low) } else { (low, high) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn orders() -> Indicator {
        Indicator {
            name: "order success".into(),
            bound: 0.995,
            at_least: true,
            strict: false,
            bad_share: Some(0.005),
            is_share: true,
        }
    }

    fn rule(literal: bool) -> Rule {
        Rule {
            consecutive: 2,
            literal,
            alpha: 0.01,
            evidence_aborts: false,
            samples: 120,
            rho: 0.0,
        }
    }

    fn counted(total: u64, bad: u64) -> Reading {
        Reading {
            value: Some(1.0 - bad as f64 / total as f64),
            counts: Some(Counts { total, bad_least: bad, bad_most: bad }),
            gap: None,
        }
    }

    fn run(watch: &mut Watch, readings: &[Reading]) -> String {
        let one = |r: &Reading| {
            let seen = watch.sample(std::slice::from_ref(r));
            let strike = seen.strike.map_or("-".into(), |s| format!("{}/{}", s.count, s.of));
            seen.end.map_or(strike.clone(), |end| format!("{strike} {end:?}"))
        };
        readings.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn two_anomalous_samples_in_a_row_end_the_window() {
        let mut watch = Watch::new(rule(false), &[orders()]);
        let readings = [counted(500, 20), counted(500, 1), counted(500, 20), counted(500, 30)];
        assert_eq!(run(&mut watch, &readings), "1/2, -, 1/2, 2/2 Strikes");
    }

    #[test]
    fn a_gap_neither_strikes_nor_clears_and_two_end_the_run_as_no_data() {
        let gap = Reading::missing("scrape failed");
        let mut watch = Watch::new(rule(false), &[orders()]);
        let readings = [counted(500, 20), gap.clone(), counted(500, 20)];
        assert_eq!(run(&mut watch, &readings), "1/2, -, 2/2 Strikes");
        let mut watch = Watch::new(rule(false), &[orders()]);
        assert_eq!(run(&mut watch, &[gap.clone(), gap]), "-, - NoData");
    }

    #[test]
    fn quiet_seconds_are_not_an_outage_and_silence_is() {
        let empty = Reading { counts: Some(Counts::default()), ..Reading::default() };
        let mut watch = Watch::new(rule(false), &[orders()]);
        let said = run(&mut watch, &vec![empty; 10]);
        assert_eq!(said, "-, -, -, -, -, -, -, -, -, - NoData");
    }

    #[test]
    fn not_a_number_is_a_gap_even_beside_a_bound_it_would_pass() {
        let latency = Indicator { bound: 0.3, at_least: false, bad_share: None, ..orders() };
        let mut watch = Watch::new(rule(true), &[latency]);
        let seen = watch.sample(&[Reading::of(f64::NAN)]);
        assert_eq!(seen.each[0].status, Status::Missing);
        assert!(!seen.all_inside());
        assert_eq!(watch.sample(&[]).end, Some(End::NoData), "an absent reading is a gap");
    }

    #[test]
    fn the_literal_rule_strikes_on_one_failed_order() {
        let mut literal = Watch::new(rule(true), &[orders()]);
        let mut calibrated = Watch::new(rule(false), &[orders()]);
        let readings = [counted(100, 1), counted(100, 1)];
        assert_eq!(run(&mut literal, &readings), "1/2, 2/2 Strikes");
        assert_eq!(run(&mut calibrated, &readings), "-, -");
    }

    #[test]
    fn evidence_ends_the_window_only_where_it_was_asked_to() {
        let asked = Rule { evidence_aborts: true, consecutive: 50, ..rule(false) };
        let mut watch = Watch::new(asked, &[orders()]);
        let said = run(&mut watch, &[counted(500, 14), counted(500, 100)]);
        assert_eq!(said, "1/50, 2/50 Evidence");
    }

    #[test]
    fn nothing_more_is_put_on_a_target_before_the_run_is_ended() {
        let mut watch = Watch::new(rule(false), &[orders()]);
        watch.sample(&[counted(500, 1)]);
        assert!(!watch.pauses());
        while !watch.pauses() {
            watch.sample(&[counted(500, 14)]);
        }
        assert!(watch.evidence().is_some_and(|e| (20.0..100.0).contains(&e)));
    }

    #[test]
    fn a_single_sample_shows_its_interval_in_the_indicators_own_unit() {
        let mut watch = Watch::new(rule(false), &[orders()]);
        let judged = watch.sample(&[counted(488, 44)]).each[0];
        let (low, high) = judged.interval.expect("shares have one");
        assert!(low < 0.9098 && 0.9098 < high && high < 1.0);
    }

    /// Runs whole windows of 120 samples on one law and counts how many end, and how soon.
    fn simulate(n: u64, share: f64, rule: Rule, runs: u64) -> (f64, u64) {
        let chances: Vec<f64> = (0..=n).map(|k| crate::tail::binomial(n, share, k)).collect();
        let mut rng = StdRng::seed_from_u64(n);
        let mut lengths = Vec::new();
        for _ in 0..runs {
            let mut watch = Watch::new(rule, &[orders()]);
            for sample in 1..=120 {
                let draw = rng.random::<f64>();
                let bad = chances.partition_point(|tail| *tail > draw) as u64 - 1;
                if watch.sample(&[counted(n, bad)]).end.is_some() {
                    lengths.push(sample);
                    break;
                }
            }
        }
        lengths.sort_unstable();
        let median = lengths.get(lengths.len() / 2).copied().unwrap_or(0);
        (lengths.len() as f64 / runs as f64, median)
    }

    #[test]
    fn a_healthy_service_is_left_alone_where_the_raw_rule_would_end_it() {
        for n in [50, 500] {
            let (ended, _) = simulate(n, 0.002, rule(false), 150);
            assert!(ended <= 0.02, "n {n}: {ended} of the runs; 1 % is allowed, and its noise");
            let (raw, _) = simulate(n, 0.002, rule(true), 50);
            assert!(raw >= 0.4, "n {n}: the raw rule ends {raw} of healthy runs");
        }
        let both = Rule { evidence_aborts: true, ..rule(false) };
        assert!(simulate(500, 0.005, both, 150).0 <= 0.03, "at the limit, both rules on");
    }

    #[test]
    fn what_is_usual_in_bursts_is_no_strike() {
        let readings = [counted(500, 14), counted(500, 14)];
        let mut plain = Watch::new(rule(false), &[orders()]);
        assert_eq!(run(&mut plain, &readings), "1/2, 2/2 Strikes");
        let mut before = Bursts::default();
        for bad in [0, 0, 30, 2, 0, 41, 0, 0, 25, 1] {
            before.add(Counts { total: 500, bad_least: bad, bad_most: bad });
        }
        let mut bursty = Watch::new(rule(false), &[orders()]).with_baseline(&[before]);
        assert_eq!(run(&mut bursty, &readings), "-, -");
        let readings = [counted(500, 100), counted(500, 100)];
        assert_eq!(run(&mut bursty, &readings), "1/2, 2/2 Strikes", "a fifth is no burst");
    }

    #[test]
    fn a_fifth_of_errors_ends_the_window_with_the_second_sample() {
        for n in [50, 500] {
            let (ended, median) = simulate(n, 0.2, rule(false), 100);
            assert_eq!((ended, median), (1.0, 2), "n {n}");
        }
    }
}
