//! Our side: pages into the store, rules watched and evaluated.

use super::pages::{AFTER_MS, Counters, STEP_MS, rule};
use super::{PAGES, RULES, Took};
use crate::figure::Table;
use squall_query::indicator::{Bound, Indicator, Op};
use squall_query::{Value, eval, parse};
use squall_signals::exposition::Format;
use squall_signals::sources::scrape::Intake;
use squall_signals::{RETENTION_MS, Store};
use std::time::{Duration, Instant};

/// Rounds of a page and an evaluation after the first.
const ROUNDS: usize = 20;
const COLD_ROUNDS: usize = 8;

pub(super) fn run(table: &mut Table) -> Took {
    let mut counters = Counters::new(RULES);
    let (mut store, mut plain) = (Store::default(), Store::default());
    let (mut intake, mut plain_intake) = (Intake::default(), Intake::default());
    let mut took = Took { cold: vec![], steady: vec![], intake: vec![], answers: vec![] };
    let mut at_ms = 0;
    for _ in 0..PAGES {
        let page = counters.page(None);
        timed(&mut plain_intake, &page, at_ms, &mut plain);
        timed(&mut intake, &page, at_ms, &mut store);
        at_ms += STEP_MS;
    }
    at_ms -= STEP_MS;
    let texts: Vec<String> = (0..RULES).map(rule).collect();
    for _ in 0..COLD_ROUNDS {
        let start = Instant::now();
        let answers = texts.iter().map(|text| {
            let expr = parse(text).expect("the rule parses");
            number(eval(&expr, &plain, at_ms + AFTER_MS).expect("the rule has a value"))
        });
        took.answers = answers.collect();
        took.cold.push(start.elapsed());
    }
    let start = Instant::now();
    let rules: Vec<_> = texts
        .iter()
        .map(|text| store.watch(parse(text).expect("the rule parses"), at_ms))
        .collect();
    let evaluate = |store: &mut Store, at_ms: i64| -> Vec<Option<f64>> {
        let one =
            |rule| number(store.evaluate(rule, at_ms + AFTER_MS).expect("the rule has a value"));
        rules.iter().copied().map(one).collect()
    };
    let first = evaluate(&mut store, at_ms);
    let watched = start.elapsed();
    assert_eq!(first, took.answers, "the incremental answers are the full ones");
    let (mut alone, mut with, mut without) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        at_ms += STEP_MS;
        let page = counters.page(None);
        let unwatched = timed(&mut plain_intake, &page, at_ms, &mut plain);
        let with_rules = timed(&mut intake, &page, at_ms, &mut store);
        took.intake.push(counters.len() as f64 / unwatched.as_secs_f64());
        let start = Instant::now();
        evaluate(&mut store, at_ms);
        alone.push(start.elapsed());
        with.push(with_rules);
        without.push(unwatched);
    }
    // Two runs of a page's intake differ by more than what rules add to one, but for the fastest.
    let least = |times: &[Duration]| times.iter().min().copied().unwrap_or_default();
    let kept = least(&with).saturating_sub(least(&without));
    took.steady = alone.iter().map(|evaluated| *evaluated + kept).collect();
    parsing(table, &texts);
    let what = |what: &str| format!("{what}, {RULES} ratio rules over {} series", counters.len());
    table.times(&what("first round: parse and evaluate"), "Squall", "–", &took.cold);
    table.times(&what("first round: parse, watch and evaluate"), "Squall", "–", &[watched]);
    table.times(&what("steady round: evaluate"), "Squall", "–", &alone);
    table.times(&what("steady round: keep what arrived at hand"), "Squall", "–", &[kept]);
    table.times(&what("steady round: both"), "Squall", "–", &took.steady);
    let asked = "≥ 1.00 M/s";
    let rates: Vec<f64> = took.intake.iter().map(|rate| rate / 1e6).collect();
    table.numbers("intake on one core, text to store", "Squall", asked, "M/s", &rates);
    table.numbers("intake on one core, store alone", "Squall", asked, "M/s", &store_alone());
    took
}

/// Rules of one kind, which differ in what they compare labels with, and rules of as many kinds.
fn parsing(table: &mut Table, texts: &[String]) {
    let kinds = (0..RULES).map(|n| rule(n).replace("http_requests_total", &format!("m{n}_total")));
    let kinds: Vec<String> = kinds.collect();
    for (what, texts) in [("one kind", texts), ("as many kinds", &kinds)] {
        let start = Instant::now();
        let parsed = texts.iter().filter(|text| parse(text).is_ok()).count();
        let what = format!("parse {parsed} rules of {what}");
        table.times(&what, "Squall", "–", &[start.elapsed()]);
    }
}

fn timed(intake: &mut Intake, page: &str, at_ms: i64, store: &mut Store) -> Duration {
    let start = Instant::now();
    let pulled = intake.take(page, Format::Text, at_ms, &[], store).expect("the page is sound");
    let took = start.elapsed();
    assert_eq!(pulled.refused, 0, "the store takes them all");
    took
}

fn number(value: Value) -> Option<f64> {
    match value {
        Value::Vector(elements) => elements.first().map(|element| element.v),
        other => panic!("{other:?} is no vector"),
    }
}

/// Samples a second that reach the store by their series' ids.
fn store_alone() -> Vec<f64> {
    let mut counters = Counters::new(RULES / 10);
    let mut store = Store::default();
    let page = counters.page(None);
    let page = squall_signals::exposition::parse(&page, Format::Text).expect("the page is sound");
    let add = |scraped: &squall_signals::exposition::Scraped| {
        store.append_new(&scraped.labels, 0, scraped.v).expect("the store takes it").0
    };
    let ids: Vec<_> = page.samples.iter().map(add).collect();
    let mut rates = Vec::new();
    for n in 1..=50_i64 {
        let start = Instant::now();
        for (at, id) in ids.iter().enumerate() {
            let v = (n * 1500 + (at as i64 * 7 + n * n) % 61) as f64;
            store.append_to(*id, n * STEP_MS, v).expect("the store takes it");
        }
        rates.push(ids.len() as f64 / start.elapsed().as_secs_f64() / 1e6);
    }
    rates
}

/// Readings of one ratio over 1,000 series, one a scrape for half an hour, as a row of the SLA
/// matrix has them: each by itself, and along the time.
pub(super) fn readings(table: &mut Table) {
    const PAGES: i64 = 144;
    let mut counters = Counters::new(10);
    let (mut store, mut intake) = (Store::default(), Intake::default());
    for n in 0..PAGES {
        let page = counters.page(None);
        timed(&mut intake, &page, n * STEP_MS, &mut store);
    }
    let query = "sum(rate(http_requests_total{code!~\"5..\"}[5m])) / \
                 sum(rate(http_requests_total[5m]))";
    let indicator = Indicator::compile(query).expect("the query parses");
    let bound = Bound { op: Op::AtLeast, value: 0.99 };
    let (from_ms, to_ms) = (24 * STEP_MS, (PAGES - 1) * STEP_MS);
    let times: Vec<i64> = (from_ms..to_ms).step_by(STEP_MS as usize).collect();
    let (mut alone, mut along) = (vec![], vec![]);
    for _ in 0..5 {
        let start = Instant::now();
        let read = |at_ms: &i64| indicator.read(&store, *at_ms, at_ms + STEP_MS, bound);
        let single: Vec<_> = times.iter().map(read).collect();
        alone.push(start.elapsed());
        let start = Instant::now();
        let mut walk = indicator.walk(&store, (from_ms, to_ms), bound);
        let walked: Vec<_> = times.iter().map(|at_ms| walk.read(*at_ms, at_ms + STEP_MS)).collect();
        along.push(start.elapsed());
        assert_eq!(single, walked, "both read the same");
    }
    let what = format!("{} readings of a ratio over {} series", times.len(), counters.len());
    table.times(&format!("{what}, each by itself"), "Squall", "–", &alone);
    table.times(&format!("{what}, along the time"), "Squall", "–", &along);
}

/// Bytes a sample after as long as the store keeps samples, with everything but labels and index.
pub(super) fn bytes_a_sample() -> f64 {
    let mut counters = Counters::new(20);
    let (mut store, mut intake) = (Store::default(), Intake::default());
    for n in 0..2 * RETENTION_MS / STEP_MS {
        let page = counters.page(None);
        timed(&mut intake, &page, n * STEP_MS, &mut store);
        store.forget(n * STEP_MS);
    }
    store.sample_bytes() as f64 / store.samples_len() as f64
}
