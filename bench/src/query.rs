//! Rules over many series: evaluation, intake and memory, beside Debian's Prometheus on the same
//! data.
//!
//! 1,000 ratio rules over 100,000 counters. Both sides read the same pages, one after the other,
//! each with the times of a scrape every fifteen seconds; Prometheus evaluates the rules as
//! recording rules and says itself how long a round of them took.

mod ours;
mod pages;
mod prometheus;

use crate::figure::Table;
use std::time::Duration;

/// Rules, each over as many series as the pages have for it.
const RULES: usize = 1000;
/// Scrapes before the first evaluation: six minutes, for a range of five.
const PAGES: usize = 24;

pub(crate) fn run(table: &mut Table) {
    let ours = ours::run(table);
    ours::readings(table);
    if std::env::var_os("SQUALL_BENCH_ALONE").is_some() {
        return memory(table);
    }
    match prometheus::run(table) {
        Ok(theirs) => compare(table, &ours, &theirs),
        Err(why) => eprintln!("bench: SKIP Prometheus: {why}"),
    }
    memory(table);
}

/// What one side took.
struct Took {
    cold: Vec<Duration>,
    steady: Vec<Duration>,
    intake: Vec<f64>,
    answers: Vec<Option<f64>>,
}

fn compare(table: &mut Table, ours: &Took, theirs: &Took) {
    if let Some((a, b)) = ours.answers.iter().zip(&theirs.answers).find(|(a, b)| !alike(**a, **b)) {
        eprintln!("bench: the first answers that differ: {a:?} and {b:?}");
    }
    let differ = ours.answers.iter().zip(&theirs.answers).filter(|(a, b)| !alike(**a, **b)).count();
    assert_eq!(ours.answers.len(), theirs.answers.len(), "both answered every rule");
    table.numbers("rules whose answers differ", "both", "0", "", &[differ as f64]);
    let least = |times: &[Duration]| times.iter().min().map_or(f64::NAN, Duration::as_secs_f64);
    let ratio = |theirs: f64, ours: f64| [theirs / ours];
    let steady = ratio(least(&theirs.steady), least(&ours.steady));
    table.numbers(
        "steady round: Prometheus ÷ Squall, of the minima",
        "both",
        "≥ 100",
        "×",
        &steady,
    );
    let cold = ratio(least(&theirs.cold), least(&ours.cold));
    table.numbers("first round: Prometheus ÷ Squall, of the minima", "both", "≥ 10", "×", &cold);
    let most = |rates: &[f64]| rates.iter().copied().fold(f64::NAN, f64::max);
    let intake = ratio(most(&ours.intake), most(&theirs.intake));
    table.numbers("intake: Squall ÷ Prometheus, of the maxima", "both", "–", "×", &intake);
}

fn alike(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            (a - b).abs() <= 1e-9 * a.abs().max(b.abs()) || a.is_nan() && b.is_nan()
        }
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Bytes a sample on the same two hours of 2,000 counters.
fn memory(table: &mut Table) {
    let ours = ours::bytes_a_sample();
    table.numbers(
        "bytes a sample in memory, all but labels and index",
        "Squall",
        "≤ 2",
        "B",
        &[ours],
    );
    match prometheus::bytes_a_sample() {
        Ok(theirs) => {
            table.numbers("bytes a sample in its chunk files", "Prometheus", "–", "B", &[theirs]);
        }
        Err(why) => eprintln!("bench: SKIP Prometheus' chunks: {why}"),
    }
}
