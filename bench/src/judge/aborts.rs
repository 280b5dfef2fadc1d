//! Owns how often a healthy run is aborted, how soon a broken one is, and how often a confidence
//! sequence misses the truth: whole experiments of 30 minutes, drawn from seeds.

use super::threads::over;
use super::world::dice::{Stream, bad_of};
use squall_judge::bursts::Bursts;
use squall_judge::monitor::{End, Watch};
use squall_judge::reading::{Counts, Indicator, Reading, Rule};
use squall_judge::sequence::interval;
use squall_judge::tail::share_interval;
use std::f64::consts::TAU;
use std::fmt::Write as _;

/// Samples of an experiment: 30 minutes at 15 s.
const SAMPLES: usize = 120;
/// Samples of the baseline before it, from which bursts are known.
const BASELINE: usize = 60;
/// The allowed share of bad events.
const ALLOWED: f64 = 0.005;
const ALPHA: f64 = 0.01;
/// The sample with which a fault begins to hurt.
const ONSET: usize = 40;

/// A service under load.
#[derive(Debug, Clone, Copy)]
struct Load {
    n: u64,
    rho: f64,
    share: f64,
    /// True where load and share swing over the run as over a day; the share stays at or below
    /// [`Load::share`].
    drifts: bool,
}

impl Load {
    fn sample(&self, stream: &mut Stream, tick: usize, share: f64) -> Reading {
        let swing = if self.drifts { (tick as f64 / SAMPLES as f64 * TAU).sin() } else { 0.0 };
        let total = (self.n as f64 * (1.0 + 0.3 * swing)).round() as u64;
        let mean = share * if self.drifts { 0.7 + 0.3 * swing } else { 1.0 };
        let p = if self.rho > 0.0 {
            let scale = (1.0 - self.rho) / self.rho;
            beta(stream, mean * scale, (1.0 - mean) * scale)
        } else {
            mean
        };
        let bad = bad_of(total, p, stream.unit());
        let counts = Counts { total, bad_least: bad, bad_most: bad };
        Reading { value: Some(1.0 - bad as f64 / total as f64), counts: Some(counts), gap: None }
    }
}

/// Which rules may end a run.
#[derive(Debug, Clone, Copy)]
struct Rules {
    name: &'static str,
    literal: bool,
    strikes: bool,
    evidence: bool,
}

const RULES: [Rules; 4] = [
    Rules { name: "literal 2 in a row", literal: true, strikes: true, evidence: false },
    Rules { name: "calibrated 2 in a row", literal: false, strikes: true, evidence: false },
    Rules { name: "evidence alone", literal: false, strikes: false, evidence: true },
    Rules { name: "both, as shipped", literal: false, strikes: true, evidence: true },
];

/// Runs one experiment. Returns the sample that ended it, from 0.
fn experiment(seed: u64, load: Load, rules: Rules, fault: Option<f64>) -> Option<usize> {
    let indicator = Indicator {
        name: "success".into(),
        bound: 1.0 - ALLOWED,
        at_least: true,
        strict: false,
        bad_share: Some(ALLOWED),
        is_share: false,
    };
    let rule = Rule {
        consecutive: if rules.strikes { 2 } else { u32::MAX },
        literal: rules.literal,
        alpha: ALPHA,
        evidence_aborts: rules.evidence,
        samples: SAMPLES as u64,
        rho: 0.0,
    };
    let mut stream = Stream::new(seed);
    let mut bursts = Bursts::default();
    for tick in 0..BASELINE {
        let reading = load.sample(&mut stream, tick, load.share);
        bursts.add(reading.counts.unwrap_or_default());
    }
    let mut watch = Watch::new(rule, &[indicator]).with_baseline(&[bursts]);
    (0..SAMPLES).find(|tick| {
        let share = fault.filter(|_| *tick >= ONSET).unwrap_or(load.share);
        let reading = load.sample(&mut stream, *tick, share);
        let end = watch.sample(&[reading]).end;
        matches!(end, Some(End::Strikes | End::Evidence))
    })
}

/// The table of false aborts: healthy runs that were ended.
pub(crate) fn healthy(runs: usize) -> String {
    let mut out = format!(
        "\n### Healthy 30-minute experiments that were aborted\n\n{runs} seeded runs a cell for what ships, a tenth for the others; allowed \
         {ALLOWED}, nominal {ALPHA}. In brackets the upper 95 % bound. Drift: load ±30 % and share \
         as over a day.\n\n| requests a sample | rho | drift | true share | {} |\n| ---: | ---: | --- | ---: |{}\n",
        RULES.map(|r| r.name).join(" | "),
        " ---: |".repeat(RULES.len()),
    );
    for (n, rho, drifts) in
        [(50, 0.0, false), (50, 0.02, true), (500, 0.0, false), (500, 0.02, true)]
    {
        for share in [0.002, 0.004, ALLOWED] {
            let load = Load { n, rho, share, drifts };
            let _ =
                write!(out, "| {n} | {rho} | {} | {share} |", if drifts { "yes" } else { "no" });
            for rules in RULES {
                // What ships is tried in full, the others for comparison.
                let runs = if rules.strikes && rules.evidence { runs } else { runs / 10 };
                let ended = over(runs, |seed| experiment(seed as u64, load, rules, None).is_some());
                let ended = ended.into_iter().filter(|e| *e).count() as u64;
                let most = share_interval(runs as u64, ended, ended, 0.10).1;
                let _ = write!(
                    out,
                    " {:.2} % ({:.2}) |",
                    ended as f64 / runs as f64 * 100.0,
                    most * 100.0
                );
            }
            out.push('\n');
        }
    }
    out
}

/// The table of delays: samples from the fault's first to the one that ended the run.
pub(crate) fn broken(runs: usize) -> String {
    let mut out = format!(
        "\n### Samples until a broken run is aborted\n\n{runs} runs a cell, share 0.002 before the \
         fault: median, and the share found at all; runs that were aborted before the fault are \
         left out.\n\n| requests a sample | rho | errors | {} |\n| ---: | ---: | ---: |{}\n",
        RULES.map(|r| r.name).join(" | "),
        " ---: |".repeat(RULES.len()),
    );
    for (n, rho) in [(50, 0.0), (50, 0.02), (500, 0.0), (500, 0.02)] {
        for errors in [0.02, 0.05, 0.2] {
            let load = Load { n, rho, share: 0.002, drifts: false };
            let _ = write!(out, "| {n} | {rho} | {:.0} % |", errors * 100.0);
            for rules in RULES {
                let ends = over(runs, |seed| experiment(seed as u64, load, rules, Some(errors)));
                let late: Vec<Option<usize>> =
                    ends.into_iter().filter(|e| e.is_none_or(|at| at >= ONSET)).collect();
                let mut found: Vec<usize> =
                    late.iter().flatten().map(|at| at - ONSET + 1).collect();
                found.sort_unstable();
                let share = found.len() as f64 / late.len().max(1) as f64;
                // A run that is never ended took longer than any.
                let median = found.get(late.len() / 2).map_or("–".into(), ToString::to_string);
                let _ = write!(out, " {median} ({:.0} %) |", share * 100.0);
            }
            out.push('\n');
        }
    }
    out
}

/// The table of coverage: runs whose interval held the truth at every one of 40 looks.
pub(crate) fn coverage(runs: usize) -> String {
    let mut out = format!(
        "\n### Confidence sequences that held the truth at every look\n\n{runs} runs of 40 looks a \
         cell, nominal 99 %.\n\n| events a look | true share | held |\n| ---: | ---: | ---: |\n"
    );
    for (n, share) in [(50, 0.002), (50, 0.05), (50, 0.3), (500, 0.002), (500, 0.05)] {
        let held = over(runs, |seed| {
            let mut stream = Stream::new(seed as u64 + 77);
            let (mut total, mut bad) = (0, 0);
            (0..40).all(|_| {
                total += n;
                bad += bad_of(n, share, stream.unit());
                let (low, high) = interval(total, bad, ALPHA);
                (low..=high).contains(&share)
            })
        });
        let held = held.into_iter().filter(|h| *h).count();
        let _ = writeln!(out, "| {n} | {share} | {:.2} % |", held as f64 / runs as f64 * 100.0);
    }
    out
}

/// A draw of the beta law, by two of the gamma law.
fn beta(stream: &mut Stream, a: f64, b: f64) -> f64 {
    let (x, y) = (gamma(stream, a), gamma(stream, b));
    x / (x + y).max(1e-300)
}

/// A draw of the gamma law (Marsaglia and Tsang).
fn gamma(stream: &mut Stream, shape: f64) -> f64 {
    if shape < 1.0 {
        return gamma(stream, shape + 1.0) * stream.unit().powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        // Box and Muller's normal.
        let x = (-2.0 * stream.unit().ln()).sqrt() * (TAU * stream.unit()).cos();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && stream.unit().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The long version, of 10,000 runs a cell, is `cargo xtask bench judge`.
    #[test]
    fn healthy_bursty_drifting_services_are_left_alone() {
        for n in [50, 500] {
            let load = Load { n, rho: 0.02, share: 0.004, drifts: true };
            let ended =
                (0..150).filter(|seed| experiment(*seed, load, RULES[3], None).is_some()).count();
            assert!(ended <= 4, "{ended} of 150 at {n} requests; 1.5 are allowed, and their noise");
        }
    }

    #[test]
    fn a_fifth_of_errors_ends_a_run_with_its_first_sample() {
        // With bursts about half of the runs of many requests need a second sample.
        for (n, rho, late) in [(50, 0.0, 0), (500, 0.0, 0), (50, 0.02, 0), (500, 0.02, 1)] {
            let load = Load { n, rho, share: 0.002, drifts: false };
            let mut ends: Vec<_> = (0..40)
                .filter_map(|seed| experiment(seed, load, RULES[3], Some(0.2)))
                .filter(|end| *end >= ONSET)
                .collect();
            ends.sort_unstable();
            let median = ends[ends.len() / 2];
            assert!(median <= ONSET + late, "{n} requests, rho {rho}: sample {}", median - ONSET);
        }
    }
}
