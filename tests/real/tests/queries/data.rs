//! What the random queries are asked about: counters that reset and stop, gauges of every kind of
//! number, and histograms, scraped off the beat of every range and step.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use squall_query::{Labels, Sample, Series};
use std::fmt::Write as _;

/// The first scrape. Scrapes are four seconds past a multiple of five and questions two, while
/// ranges, offsets and steps are such multiples: no window begins exactly at a sample or at a step,
/// since there Prometheus 2 counts it, and Prometheus 3 and Squall do not.
const START_MS: i64 = 1_700_000_004_000;
const SCRAPE_MS: i64 = 15_000;
const SCRAPES: i64 = 120;
/// When queries are asked: late enough for every range and look-back.
pub(crate) const ASKED_MS: i64 = 1_700_000_002_000 + 1_710_000;

/// Makes the series, each with its samples.
pub(crate) fn series(seed: u64) -> Vec<Series> {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut all = Vec::new();
    for job in ["shop", "pay"] {
        for code in ["200", "404", "500"] {
            for pod in ["a", "b"] {
                let pairs = [("job", job), ("code", code), ("pod", pod)];
                all.push(counter(Labels::named("requests_total", pairs), &mut dice));
            }
        }
        for pod in ["a", "b", "c"] {
            let pairs = [("job", job), ("pod", pod)];
            all.push(gauge(Labels::named("depth", pairs), &mut dice));
            all.push(gauge(Labels::named("limit", pairs), &mut dice));
        }
        histogram(job, &mut dice, &mut all);
    }
    for (pod, odd) in [("a", f64::NAN), ("b", f64::INFINITY), ("c", f64::NEG_INFINITY)] {
        let mut series = gauge(Labels::named("odd", [("job", "shop"), ("pod", pod)]), &mut dice);
        series.samples.iter_mut().step_by(7).for_each(|sample| sample.v = odd);
        all.push(series);
    }
    all
}

fn at(scrape: i64) -> i64 {
    START_MS + scrape * SCRAPE_MS
}

/// Scrapes at which a series is there: some begin late, some stop, some have holes.
fn scrapes(dice: &mut StdRng) -> Vec<i64> {
    let first = if dice.random_bool(0.2) { dice.random_range(0..100) } else { 0 };
    let last = if dice.random_bool(0.2) { dice.random_range(80..SCRAPES) } else { SCRAPES };
    let holes = if dice.random_bool(0.3) { 0.1 } else { 0.0 };
    (first..last.max(first + 2)).filter(|_| !dice.random_bool(holes)).collect()
}

/// Counters stay far from zero: where one begins inside a window, Prometheus 2 and 3 stretch it
/// differently if it is near zero. Their scripts say how.
const FAR: f64 = 1e6;

fn counter(labels: Labels, dice: &mut StdRng) -> Series {
    let mut v = 2.0 * FAR;
    let rate = dice.random_range(1..200);
    let samples = scrapes(dice).into_iter().map(|scrape| {
        v += f64::from(dice.random_range(0..=rate));
        if dice.random_bool(0.02) {
            v = FAR + f64::from(dice.random_range(0..5));
        }
        Sample { t_ms: at(scrape), v }
    });
    Series { labels, samples: samples.collect(), created_ms: None }
}

fn gauge(labels: Labels, dice: &mut StdRng) -> Series {
    let scale = [1.0, 1000.0, 1e-3][dice.random_range(0..3)];
    let samples = scrapes(dice).into_iter().map(|scrape| {
        let v = (dice.random::<f64>() - 0.3) * scale;
        Sample { t_ms: at(scrape), v }
    });
    Series { labels, samples: samples.collect(), created_ms: None }
}

fn histogram(job: &str, dice: &mut StdRng, all: &mut Vec<Series>) {
    const EDGES: [&str; 5] = ["0.05", "0.1", "0.5", "1.5", "+Inf"];
    for pod in ["a", "b"] {
        let mut counts = [FAR; EDGES.len()];
        let mut samples = vec![Vec::new(); EDGES.len()];
        for scrape in 0..SCRAPES {
            let mut added = 0.0;
            for (edge, count) in counts.iter_mut().enumerate() {
                added += f64::from(dice.random_range(0..20));
                *count += added;
                samples[edge].push(Sample { t_ms: at(scrape), v: *count });
            }
        }
        for (edge, samples) in EDGES.iter().zip(samples) {
            let pairs = [("job", job), ("pod", pod), ("le", edge)];
            let labels = Labels::named("seconds_bucket", pairs);
            all.push(Series { labels, samples, created_ms: None });
        }
    }
}

/// Writes the series for `promtool tsdb create-blocks-from openmetrics`.
pub(crate) fn openmetrics(all: &[Series]) -> String {
    let mut out = String::new();
    for series in all {
        for Sample { t_ms, v } in &series.samples {
            let v = match *v {
                v if v.is_nan() => "NaN".to_owned(),
                v if v.is_infinite() => if v > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
                v => v.to_string(),
            };
            let _ = writeln!(out, "{} {v} {}", series.labels, *t_ms as f64 / 1000.0);
        }
    }
    out.push_str("# EOF\n");
    out
}
