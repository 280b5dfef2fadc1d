//! Owns the word of one rule under one use of a fault.

use super::breaker;
use super::evidence::{Evidence, Point};
use super::rows::Readable;
use super::timeline::{self, Sample};
use super::{ALPHA, Injection, Input, Word};
use crate::evidence::Evidence as Process;
use crate::monitor::{Status, Watch};
use crate::outcome::{Outcome, Tally};
use crate::reading::{Counts, Data, Reading, Rule};
use crate::sequence::{interval, interval_between};
use crate::verdict::Bitten;
use squall_spec::sla::Measure;

/// How much before a fault is its baseline.
const BASELINE_MS: i64 = 5 * 60 * 1000;
/// How much after a fault is shown and looked at for its tail.
const TAIL_MS: i64 = 60 * 1000;

/// A run judged, with what attribution needs of it.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) word: Word,
    pub(super) reason: String,
    pub(super) evidence: Evidence,
    /// The excess of each sample, over all that was read.
    pub(super) excess: Vec<(i64, Option<f64>)>,
    /// The first and the last anomalous sample.
    pub(super) episode: Option<(i64, i64)>,
    /// The evidence at the end, a true e-value.
    pub(super) e_end: Option<f64>,
}

/// The times of one use of a fault, as far as there is data for them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) before_ms: i64,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) after_ms: i64,
}

/// The times to look at for an injection: its baseline begins where the last fault is over.
pub(super) fn span(injection: &Injection, input: &Input<'_>) -> Span {
    let from_ms = injection.from_ms;
    let to_ms = injection.to_ms.unwrap_or(input.now_ms).min(input.now_ms);
    let others = input.injections.iter().filter(|other| other.id != injection.id);
    let before: i64 = others
        .filter(|other| other.from_ms < from_ms)
        .map(|other| other.to_ms.unwrap_or(from_ms).saturating_add(2 * input.every_ms).min(from_ms))
        .max()
        .unwrap_or(i64::MIN);
    Span {
        before_ms: before.max(from_ms.saturating_sub(BASELINE_MS)),
        from_ms,
        to_ms,
        after_ms: to_ms.saturating_add(TAIL_MS).min(input.now_ms.max(to_ms)),
    }
}

fn undecided(word: Word, reason: impl Into<String>) -> Judged {
    Judged {
        word,
        reason: reason.into(),
        evidence: Evidence::default(),
        excess: Vec::new(),
        episode: None,
        e_end: None,
    }
}

/// Judges a row under an injection.
pub(super) fn judge(row: &Readable<'_>, injection: &Injection, input: &Input<'_>) -> Judged {
    if matches!(row.agreement.measure, Measure::Lag) {
        return undecided(Word::Undecided, "no probe has measured the replica's lag");
    }
    if row.measure.is_none() {
        return undecided(Word::Undecided, "no query that can be evaluated here measures the rule");
    }
    let span = span(injection, input);
    if span.from_ms >= input.now_ms {
        let newest = "it began after the newest sample; do the clocks differ?";
        return undecided(Word::Undecided, newest);
    }
    if span.to_ms <= span.from_ms {
        return undecided(Word::Undecided, "the fault was on for no time");
    }
    let read =
        |from_ms, to_ms| timeline::read(row, input.storage, (from_ms, to_ms), input.every_ms);
    let before = read(span.before_ms, span.from_ms);
    // The events of the last moment are seen at the next scrape.
    let end_ms = span.to_ms.saturating_add(input.every_ms).min(span.after_ms.max(span.to_ms));
    let during = read(span.from_ms, end_ms);
    let after = read(end_ms, span.after_ms);
    let baseline = watch(row, &before, 0.0);
    let held = watch(row, &during, baseline.tally.bursts.rho());
    let mut judged = word(row, injection, &baseline, &held, &during);
    judged.evidence = evidence(row, input, (span.from_ms, end_ms), &baseline, &held, &during);
    if let Some(breaker) = &row.agreement.breaker {
        judged.evidence.breaker = Some(breaker::run(breaker, &during, ALPHA));
        with_breaker(&mut judged);
    }
    if row.agreement.consistency.is_some() && judged.word == Word::Held {
        judged.word = Word::Undecided;
        judged.reason = "the bound held, and no probe has measured the replica's lag".into();
    }
    let parts = [(&before, &baseline), (&during, &held), (&after, &watch(row, &after, 0.0))];
    for (samples, watched) in parts {
        for (sample, anomalous) in samples.iter().zip(&watched.anomalous) {
            judged.excess.push((sample.at_ms, excess(row, &sample.reading)));
            judged.evidence.points.push(Point {
                t_ms: sample.at_ms - span.from_ms,
                value: sample.reading.value.filter(|_| sample.reading.gap.is_none()),
                total: sample.reading.counts.map(|c| c.total),
                anomalous: *anomalous,
            });
        }
    }
    let outside: Vec<i64> = (during.iter().zip(&held.anomalous))
        .filter(|(_, anomalous)| **anomalous)
        .map(|(sample, _)| sample.at_ms)
        .collect();
    judged.episode = match (outside.first(), outside.last()) {
        (Some(first), Some(last)) => Some((*first, *last)),
        _ => Some((span.from_ms, span.to_ms)),
    };
    judged.e_end = held.e_end;
    judged
}

/// Samples fed to the judge of experiments.
struct Watched {
    tally: Tally,
    anomalous: Vec<bool>,
    /// Whether there ever were as many anomalous samples in a row as the rule asks for.
    violated: bool,
    first_gap: Option<String>,
    e_end: Option<f64>,
}

fn watch(row: &Readable<'_>, samples: &[Sample], rho: f64) -> Watched {
    let consecutive = row.agreement.samples.max(1);
    let rule = Rule {
        consecutive,
        literal: false,
        alpha: ALPHA,
        evidence_aborts: false,
        samples: samples.len() as u64,
        rho,
    };
    let mut watch = Watch::new(rule, std::slice::from_ref(&row.judged)).with_bursts(&[rho]);
    let mut process = row.judged.bad_share.map(|share| Process::new(share, samples.len() as u64));
    let (mut anomalous, mut violated, mut first_gap) = (Vec::new(), false, None);
    for sample in samples {
        let seen = watch.sample(std::slice::from_ref(&sample.reading));
        anomalous.push(seen.each.iter().any(|each| each.status == Status::Outside));
        violated |= watch.tallies().iter().any(|tally| tally.strikes_in_row >= consecutive);
        first_gap = first_gap.or_else(|| sample.reading.gap.clone());
        if let (Some(process), Data::Counted(counts, _)) = (&mut process, sample.reading.data()) {
            process.sample(counts);
        }
    }
    let tally = watch.tallies().first().map(|tally| (*tally).clone());
    Watched {
        tally: tally.expect("invariant: one indicator was given"),
        anomalous,
        violated,
        first_gap,
        e_end: process.map(|process| process.now()),
    }
}

fn word(
    row: &Readable<'_>,
    injection: &Injection,
    baseline: &Watched,
    held: &Watched,
    during: &[Sample],
) -> Judged {
    let tally = &held.tally;
    if injection.bitten == Bitten::No {
        return undecided(Word::Invalid, "the fault touched nothing");
    }
    let consecutive = row.agreement.samples.max(1);
    let broken_before =
        baseline.violated || baseline.tally.outcome(ALPHA, consecutive) == Outcome::Fail;
    if broken_before {
        return undecided(Word::Invalid, "the rule was broken before the fault began");
    }
    let sliding = slides_out(row, during);
    let outcome = tally.outcome(ALPHA, consecutive);
    if held.violated || sliding || outcome == Outcome::Fail {
        return undecided(Word::Refuted, refuted(row, held, sliding));
    }
    if outcome == Outcome::Pass {
        return undecided(Word::Held, passed(tally));
    }
    undecided(Word::Undecided, unsure(row, held, during))
}

fn passed(tally: &Tally) -> String {
    match tally.interval(ALPHA) {
        Some((_, high)) => format!(
            "{} of {} events were bad, at most {} with 99 % confidence",
            tally.counts.bad_least,
            tally.counts.total,
            percent(high)
        ),
        None => format!("all {} samples were inside the bound", tally.numbers),
    }
}

fn refuted(row: &Readable<'_>, held: &Watched, sliding: bool) -> String {
    let tally = &held.tally;
    let allowed = row.judged.bad_share.map(|share| format!(", {} are allowed", percent(share)));
    let allowed = allowed.unwrap_or_default();
    let counted = tally.is_counted() && tally.counts.total > 0;
    let mut reason = match counted {
        true => {
            format!("{} of {} events were bad{allowed}", tally.counts.bad_least, tally.counts.total)
        }
        false => format!("{} of {} samples were outside", tally.strikes, tally.numbers),
    };
    if held.violated && counted {
        reason.push_str(&format!("; {} anomalous samples", tally.strikes));
    } else if sliding {
        reason.push_str("; one window is outside");
    }
    reason
}

fn unsure(row: &Readable<'_>, held: &Watched, during: &[Sample]) -> String {
    let tally = &held.tally;
    let empty = during.iter().all(|s| s.reading.data() == Data::Missing);
    if during.is_empty() || (empty && tally.numbers == 0) {
        let why = held.first_gap.as_deref().unwrap_or("no sample");
        return format!("no data while the fault was on: {why}");
    }
    if tally.gaps > 0 {
        let why = held.first_gap.as_deref().unwrap_or("no number");
        return format!("{} of {} samples are missing: {why}", tally.gaps, during.len());
    }
    let Some(allowed) = row.judged.bad_share else {
        return format!("{} of {} samples were outside", tally.strikes, tally.numbers);
    };
    let Counts { total, bad_least, bad_most } = tally.counts;
    if total == 0 {
        return "there were no events while the fault was on".into();
    }
    if bad_most > bad_least {
        return format!(
            "the bound lies between two buckets: {bad_least} to {bad_most} of {total} events are \
             above it"
        );
    }
    let share = bad_least as f64 / total as f64;
    let told = format!("{total} events cannot tell {} from {}", percent(share), percent(allowed));
    match events_needed(share, allowed) {
        Some(needed) => format!("{told}; about {needed} could"),
        None => told,
    }
}

/// How many events would show that a share is allowed; none where no number that is ever seen
/// would.
fn events_needed(share: f64, allowed: f64) -> Option<u64> {
    const MOST: u64 = 1 << 40;
    let enough = |n: u64| {
        let bad = ((share * n as f64).round() as u64).min(n);
        interval(n, bad, ALPHA).1 <= allowed
    };
    if share >= allowed || !enough(MOST) {
        return None;
    }
    let mut n = 1;
    while !enough(n) {
        n *= 2;
    }
    // Two digits: the next run's traffic is not known better.
    let unit = 10_u64.pow(n.ilog10().saturating_sub(1));
    Some(n.div_ceil(unit) * unit)
}

/// Whether a window of the agreement's length, inside the fault, is outside by itself. As many
/// windows are looked at as there are samples, so each has that part of the chance of error.
fn slides_out(row: &Readable<'_>, during: &[Sample]) -> bool {
    let Some(allowed) = row.judged.bad_share else { return false };
    let window_ms = i64::try_from(row.agreement.window_ms).unwrap_or(i64::MAX);
    let chance = ALPHA / during.len().max(1) as f64;
    let counted: Vec<(i64, Counts)> = during
        .iter()
        .filter_map(|s| match s.reading.data() {
            Data::Counted(counts, _) | Data::Partial(counts) => Some((s.at_ms, counts)),
            _ => None,
        })
        .collect();
    let mut sum = Counts::default();
    let mut first = 0;
    for (at_ms, counts) in &counted {
        sum = sum.plus(*counts);
        while counted[first].0 <= at_ms.saturating_sub(window_ms) {
            let old = counted[first].1;
            sum.total -= old.total;
            sum.bad_least -= old.bad_least;
            sum.bad_most -= old.bad_most;
            first += 1;
        }
        let bad = sum.bad_least as f64 > allowed * sum.total as f64;
        if bad && interval(sum.total, sum.bad_least, chance).0 > allowed {
            return true;
        }
    }
    false
}

fn with_breaker(judged: &mut Judged) {
    let Some(seen) = judged.evidence.breaker else { return };
    let opened = seen.opened_ms.is_some();
    let worst = percent(seen.worst);
    match judged.word {
        Word::Invalid => {}
        _ if opened && seen.proven => {
            judged.word = Word::Refuted;
            judged.reason = format!("the breaker opened at an error rate of {worst}");
        }
        Word::Held if opened => {
            judged.word = Word::Undecided;
            judged.reason = format!("the breaker opened at {worst}, on too few events to be sure");
        }
        _ => {}
    }
}

fn evidence(
    row: &Readable<'_>,
    input: &Input<'_>,
    (from_ms, to_ms): (i64, i64),
    baseline: &Watched,
    held: &Watched,
    during: &[Sample],
) -> Evidence {
    let tally = &held.tally;
    let counts = tally.counts;
    let over_all = row.measure.as_ref().and_then(|(indicator, bound)| {
        indicator.read(input.storage, from_ms, to_ms, *bound).estimate
    });
    let worse = |a: f64, b: f64| if row.judged.at_least { a.min(b) } else { a.max(b) };
    let has = counts.total > 0 && row.judged.bad_share.is_some();
    Evidence {
        value: if row.judged.is_share { tally.value() } else { over_all.or_else(|| tally.value()) },
        worst: tally.worst,
        baseline: baseline.tally.value(),
        windowed: during.iter().filter_map(|s| s.windowed).reduce(worse),
        allowed: row.judged.bad_share,
        bad_share: tally.bad_share(),
        interval: has
            .then(|| interval_between(counts.total, counts.bad_least, counts.bad_most, ALPHA)),
        total: counts.total,
        bad: counts.bad_least,
        excess: tally.excess(),
        samples: tally.numbers,
        strikes: tally.strikes,
        gaps: tally.gaps,
        e: tally.e,
        budget: budget(row, counts, to_ms - from_ms),
        breaker: None,
        points: Vec::new(),
    }
}

/// The part of the whole error budget that went while the fault was on, at the traffic it saw.
fn budget(row: &Readable<'_>, counts: Counts, on_ms: i64) -> Option<f64> {
    let budget = row.agreement.budget?;
    let allowed = 1.0 - budget.target;
    let periods = budget.over_ms as f64 / on_ms.max(1) as f64;
    let whole = allowed * counts.total as f64 * periods;
    let spent = counts.bad_least as f64 - allowed * counts.total as f64;
    (whole > 0.0).then(|| spent.max(0.0) / whole)
}

/// How far a sample is beyond what is allowed; negative where there is room.
pub(super) fn excess(row: &Readable<'_>, reading: &Reading) -> Option<f64> {
    match (reading.data(), row.judged.bad_share) {
        (Data::Counted(c, _), Some(allowed)) => Some(c.bad_least as f64 - allowed * c.total as f64),
        (Data::Counted(_, Some(value)) | Data::Value(value), _) => {
            let beyond = value - row.judged.bound;
            Some(if row.judged.at_least { -beyond } else { beyond })
        }
        _ => None,
    }
}

/// A share in percent with as many digits as it needs.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = if percent == 0.0 || percent >= 10.0 { 1 } else { 3 };
    let text = format!("{percent:.digits$}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
