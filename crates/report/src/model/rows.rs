//! The table of indicators: bound, baseline, worst, share during the fault, n and E.

use super::Tone;
use super::series::{Point, Series};
use crate::number;
use crate::read::Record;
use squall_wire::record::{Indicator, IndicatorVerdict, Outcome, Phase, Unit, Verdict};

/// One indicator of the steady state with its evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its query.
    pub query: String,
    /// How it fared.
    pub outcome: Outcome,
    /// The bound for reading.
    pub bound: String,
    /// Its value in the baseline.
    pub baseline: String,
    /// Events in the baseline.
    pub baseline_n: Option<u64>,
    /// The worst single sample during the fault.
    pub worst: String,
    /// True where that sample is outside the bound, and the bound was not shown to hold.
    pub worst_outside: bool,
    /// Events in that sample.
    pub worst_n: Option<u64>,
    /// The whole fault.
    pub during: During,
    /// Events during the fault.
    pub n: Option<u64>,
    /// Bad events among them.
    pub bad: Option<u64>,
    /// What a bad event is.
    pub bad_word: String,
    /// The evidence at its highest.
    pub e: Option<f64>,
    /// Anomalous samples during the fault.
    pub strikes: u32,
    /// Samples without a number during the fault.
    pub gaps: u32,
    /// Samples during the fault.
    pub samples: u32,
    /// One line for a person.
    pub text: String,
}

/// The share during the fault with its 99 % confidence sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct During {
    /// Digits of the percentage, or the whole text where no event is counted.
    pub value: String,
    /// What the share is of, for example `late`; empty for the indicator's own share.
    pub word: String,
    /// For example `[93.3, 96.1]`.
    pub interval: String,
    /// Share, lower and upper end, and the allowed share, all 0 to 1, for a bar.
    pub bar: Option<Bar>,
}

/// A share with its interval and its limit, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// The share.
    pub share: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The limit.
    pub limit: f64,
    /// True where the share must be at least the limit.
    pub at_least: bool,
}

impl Row {
    /// How its outcome is shown.
    pub fn tone(&self) -> Tone {
        match self.outcome {
            Outcome::Pass => Tone::Held,
            Outcome::Fail => Tone::Refuted,
            Outcome::Undecided => Tone::Inconclusive,
        }
    }

    /// Its outcome in a word.
    pub fn word(&self) -> &'static str {
        match self.outcome {
            Outcome::Pass => "held",
            Outcome::Fail => "refuted",
            Outcome::Undecided => "undecided",
        }
    }

    /// `2.0`, or a dash.
    pub fn e_text(&self) -> String {
        self.e.map_or("–".into(), number::evidence)
    }

    /// `4,461`, or a dash.
    pub fn n_text(&self) -> String {
        self.n.map_or("–".into(), number::count)
    }
}

impl During {
    /// In one line: `94.8 % [93.3, 96.1]`.
    pub fn text(&self) -> String {
        if self.bar.is_none() {
            return self.value.clone();
        }
        let parts = [format!("{} %", self.value), self.word.clone(), self.interval.clone()];
        parts.iter().filter(|p| !p.is_empty()).cloned().collect::<Vec<_>>().join(" ")
    }
}

pub(super) fn rows(record: &Record, verdict: Option<&Verdict>, series: &[Series]) -> Vec<Row> {
    let indicators = record.started.indicators.iter().zip(series).enumerate();
    indicators
        .map(|(at, (indicator, series))| {
            let judged = verdict.and_then(|v| v.indicators.get(at)).cloned();
            let mut judged = judged.unwrap_or_else(|| unjudged(series));
            if series.share_of.is_some() {
                let own = unjudged(series);
                (judged.worst, judged.baseline) = (own.worst, bad_share(series));
            }
            row(indicator, series, judged)
        })
        .collect()
}

fn row(indicator: &Indicator, series: &Series, judged: IndicatorVerdict) -> Row {
    let show = |v: f64| {
        let word = series.share_of.as_deref().unwrap_or_default();
        format!("{} {word}", number::value(v, series.unit, Some(series.bound))).trim_end().into()
    };
    let during: Vec<&Point> = in_phase(series, Phase::Holding).collect();
    let outside = |v: f64| {
        if series.at_least { v < series.bound } else { v > series.bound }
    };
    let worst_n =
        during.iter().find(|p| p.value.is_some() && p.value == judged.worst).and_then(|p| p.n);
    Row {
        name: indicator.name.clone(),
        query: indicator.query.clone(),
        outcome: judged.outcome,
        bound: number::bound(&indicator.expect),
        baseline: judged.baseline.map_or("–".into(), show),
        baseline_n: total(in_phase(series, Phase::Baseline)),
        worst: judged.worst.map_or("–".into(), show),
        // One late event in one sample of a bound that held is no breach.
        worst_outside: judged.outcome != Outcome::Pass && judged.worst.is_some_and(outside),
        worst_n,
        during: share(indicator, &judged, during.len()),
        n: judged.total,
        bad: judged.bad,
        bad_word: indicator.bad_word.clone(),
        e: judged.e.filter(|e| !e.is_nan()),
        strikes: judged.strikes,
        gaps: judged.gaps,
        samples: during.len() as u32,
        text: judged.text,
    }
}

/// The share of bad events in the baseline.
fn bad_share(series: &Series) -> Option<f64> {
    let all = total(in_phase(series, Phase::Baseline)).filter(|n| *n > 0)?;
    let bad = in_phase(series, Phase::Baseline).filter_map(|p| p.bad_least);
    Some(bad.fold(0, u64::saturating_add) as f64 / all as f64)
}

fn in_phase(series: &Series, phase: Phase) -> impl Iterator<Item = &Point> {
    series.points.iter().filter(move |p| p.phase == phase)
}

fn total<'a>(points: impl Iterator<Item = &'a Point>) -> Option<u64> {
    points.filter_map(|p| p.n).reduce(u64::saturating_add)
}

/// The share of good events where the indicator is one, else the share of bad ones.
fn share(indicator: &Indicator, judged: &IndicatorVerdict, samples: usize) -> During {
    let Some(bad) = judged.bad_share.filter(|s| s.is_finite()) else {
        let samples = number::plural(samples as u64, "sample", "samples");
        let strikes = number::count(judged.strikes.into());
        let value = format!("{strikes} of {samples} anomalous");
        return During { value, word: String::new(), interval: String::new(), bar: None };
    };
    let good = indicator.unit == Unit::Share && indicator.at_least;
    let limit = indicator.bad_share.unwrap_or(0.0);
    let (low, high) = judged.interval.unwrap_or((bad, bad));
    let bar = if good {
        let (low, high) = (1.0 - high, 1.0 - low);
        Bar { share: 1.0 - bad, low, high, limit: 1.0 - limit, at_least: true }
    } else {
        Bar { share: bad, low, high, limit, at_least: false }
    };
    let own = indicator.unit == Unit::Share;
    let digits = number::percents(&[bar.share, bar.low, bar.high], Some(bar.limit));
    let ends = judged.interval.map(|_| {
        let close = if good && bar.high >= 1.0 { ')' } else { ']' };
        let high = if bar.high >= 1.0 { "100" } else { &digits[2] };
        let low = if bar.low <= 0.0 { "0" } else { &digits[1] };
        format!("[{low}, {high}{close}")
    });
    During {
        value: digits[0].clone(),
        word: if own { String::new() } else { indicator.bad_word.clone() },
        interval: ends.unwrap_or_default(),
        bar: Some(bar),
    }
}

/// What can be said without a verdict: the samples themselves, and nothing decided.
fn unjudged(series: &Series) -> IndicatorVerdict {
    let values = |phase| in_phase(series, phase).filter_map(|p| p.value);
    let mut baseline: Vec<f64> = values(Phase::Baseline).collect();
    baseline.sort_by(f64::total_cmp);
    let worst = values(Phase::Holding).reduce(if series.at_least { f64::min } else { f64::max });
    IndicatorVerdict {
        outcome: Outcome::Undecided,
        baseline: baseline.get(baseline.len() / 2).copied(),
        worst,
        bad_share: None,
        interval: None,
        total: total(in_phase(series, Phase::Holding)),
        bad: None,
        strikes: in_phase(series, Phase::Holding).filter(|p| p.anomalous).count() as u32,
        e: in_phase(series, Phase::Holding).filter_map(|p| p.e).reduce(f64::max),
        gaps: in_phase(series, Phase::Holding).filter(|p| p.gap).count() as u32,
        text: "not judged".into(),
    }
}
