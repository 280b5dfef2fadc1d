//! The values over time, for charts and the table of samples.

use super::Clock;
use crate::number;
use crate::read::Record;
use squall_wire::record::{Event, Indicator, Phase, Reading, Unit};

/// One indicator over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub unit: Unit,
    /// The bound in the query's own unit.
    pub bound: f64,
    /// The bound for reading.
    pub bound_text: String,
    /// True where values must be at least the bound.
    pub at_least: bool,
    /// What a counted event is.
    pub bad_word: String,
    /// Set where the values are the share of counted events of this kind, because the query's own
    /// value is smoothed by its window and says nothing of one sample.
    pub share_of: Option<String>,
    /// One entry a sample.
    pub points: Vec<Point>,
}

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its number, from 0.
    pub index: u64,
    /// Seconds on the run's clock.
    pub t_s: f64,
    /// The phase it was taken in.
    pub phase: Phase,
    /// Its value; absent in a gap.
    pub value: Option<f64>,
    /// The value for reading, or why there is none.
    pub text: String,
    /// 99 % interval of the value.
    pub interval: Option<(f64, f64)>,
    /// Events since the last sample.
    pub n: Option<u64>,
    /// Bad events among them, at least.
    pub bad_least: Option<u64>,
    /// Bad events among them, for reading.
    pub bad: Option<String>,
    /// True where it counted as anomalous.
    pub anomalous: bool,
    /// True where there is no number.
    pub gap: bool,
    /// Evidence so far.
    pub e: Option<f64>,
}

/// A stretch of the time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// `baseline`, the faults' names, `recovery`.
    pub name: String,
    /// Which of the three.
    pub phase: Phase,
    /// Where it begins, in seconds.
    pub from_s: f64,
    /// Where it ends, in seconds.
    pub to_s: f64,
}

/// What a run was doing, for a sentence.
pub(super) fn phase_text(phase: Phase) -> &'static str {
    match phase {
        Phase::Baseline => "measuring the baseline",
        Phase::Injecting => "injecting",
        Phase::Holding => "holding the fault",
        Phase::Draining => "draining",
        Phase::Reverting => "undoing the fault",
        Phase::Recovering => "awaiting recovery",
        Phase::Judging => "judging",
        Phase::Done => "ending",
    }
}

pub(super) fn series(record: &Record, clock: &Clock) -> Vec<Series> {
    let indicators = record.started.indicators.iter();
    let mut all: Vec<Series> = indicators
        .map(|i| Series {
            name: i.name.clone(),
            unit: i.unit,
            bound: i.bound,
            bound_text: number::bound(&i.expect),
            at_least: i.at_least,
            bad_word: i.bad_word.clone(),
            share_of: None,
            points: Vec::new(),
        })
        .collect();
    for line in &record.lines {
        let Event::Sample(sample) = &line.event else { continue };
        let t_s = clock.seconds(line);
        for (at, one) in all.iter_mut().enumerate() {
            let missing = Reading { gap: Some("not read".into()), ..Reading::default() };
            let reading = sample.readings.get(at).unwrap_or(&missing);
            let point = point(one, reading, sample.index, t_s, sample.phase);
            one.points.push(point);
        }
    }
    for (one, indicator) in all.iter_mut().zip(&record.started.indicators) {
        if let Some(limit) = indicator.bad_share.filter(|_| is_smoothed(record, indicator)) {
            to_share(one, limit);
        }
    }
    all
}

/// True where every value is the query's own over its window, although events are counted: such a
/// value of a quantile trails the samples that are judged.
fn is_smoothed(record: &Record, indicator: &Indicator) -> bool {
    if indicator.unit == Unit::Share {
        return false;
    }
    let at = record.started.indicators.iter().position(|i| i.name == indicator.name);
    let readings = record.lines.iter().filter_map(|line| match &line.event {
        Event::Sample(sample) => sample.readings.get(at?),
        _ => None,
    });
    let mut both = readings.filter(|r| r.total.is_some() && r.value.is_some()).peekable();
    both.peek().is_some() && both.all(|r| r.value == r.query_value)
}

/// Shows what was judged instead: the share of bad events in each sample.
fn to_share(series: &mut Series, limit: f64) {
    for point in &mut series.points {
        let share = match (point.bad_least, point.n) {
            (Some(bad), Some(n)) if n > 0 => Some(bad as f64 / n as f64),
            _ => None,
        };
        point.text = match share {
            Some(share) => number::value(share, Unit::Share, Some(limit)),
            None if point.gap => point.text.clone(),
            None => "no events".into(),
        };
        point.gap = share.is_none();
        point.value = share;
        point.interval = None;
    }
    let limit_text = number::percent(limit, None);
    let limit_text = limit_text.strip_suffix(".0").unwrap_or(&limit_text);
    series.bound_text = format!("≤ {limit_text} % {}", series.bad_word).trim_end().to_string();
    (series.unit, series.bound, series.at_least) = (Unit::Share, limit, false);
    series.share_of = Some(series.bad_word.clone());
}

fn point(series: &Series, reading: &Reading, index: u64, t_s: f64, phase: Phase) -> Point {
    let value = reading.value.filter(|v| v.is_finite());
    let text = match value {
        Some(v) => number::value(v, series.unit, Some(series.bound)),
        None => reading.gap.clone().unwrap_or_else(|| "no data".into()),
    };
    let finite = |i: &(f64, f64)| i.0.is_finite() && i.1.is_finite() && i.0 <= i.1;
    Point {
        index,
        t_s,
        phase,
        value,
        text,
        interval: reading.interval.filter(finite).filter(|_| value.is_some()),
        n: reading.total,
        bad_least: reading.bad_least,
        bad: bad_text(reading.bad_least, reading.bad_most),
        anomalous: reading.anomalous,
        gap: value.is_none(),
        e: reading.e.filter(|e| !e.is_nan()),
    }
}

pub(super) fn evidence(series: &[Series]) -> Vec<(f64, f64)> {
    let Some(first) = series.first() else { return Vec::new() };
    let at = |i: usize| {
        let all = series.iter().filter_map(|s| s.points.get(i)?.e);
        Some((first.points[i].t_s, all.reduce(f64::max)?))
    };
    (0..first.points.len()).filter_map(at).collect()
}

fn bad_text(least: Option<u64>, most: Option<u64>) -> Option<String> {
    match (least, most) {
        (Some(a), Some(b)) if a != b => {
            Some(format!("{} to {}", number::count(a), number::count(b)))
        }
        (Some(a), _) | (None, Some(a)) => Some(number::count(a)),
        (None, None) => None,
    }
}

pub(super) fn lanes(record: &Record, clock: &Clock) -> Vec<Lane> {
    let mut marks: Vec<(Phase, f64)> = Vec::new();
    for line in &record.lines {
        match line.event {
            Event::Phase(Phase::Baseline) => marks.push((Phase::Baseline, clock.seconds(line))),
            Event::Inject { .. } if !marks.iter().any(|m| m.0 == Phase::Holding) => {
                marks.push((Phase::Holding, clock.seconds(line)));
            }
            Event::Phase(Phase::Recovering) => marks.push((Phase::Recovering, clock.seconds(line))),
            Event::Phase(Phase::Judging | Phase::Done) => {
                marks.push((Phase::Done, clock.seconds(line)));
            }
            _ => {}
        }
    }
    let end = record.lines.last().map_or(0.0, |line| clock.seconds(line));
    let mut faults: Vec<&str> =
        record.started.injections.iter().map(|i| i.fault.as_str()).collect();
    faults.dedup();
    let lane = |at: usize| {
        let (phase, from_s) = marks[at];
        let to_s = marks.get(at + 1).map_or(end, |next| next.1).max(from_s);
        let name = match phase {
            Phase::Baseline => "baseline".into(),
            Phase::Holding => faults.join(", "),
            _ => "recovery".into(),
        };
        Lane { name, phase, from_s, to_s }
    };
    (0..marks.len()).filter(|at| marks[*at].0 != Phase::Done).map(lane).collect()
}
