//! The law: an incremental answer is the full evaluation's, whatever arrives in whatever order.

use proptest::prelude::*;

use super::{RuleId, Rules};
use crate::eval::eval;
use crate::labels::Labels;
use crate::parse::parse;
use crate::selector::Selector;
use crate::series::{Sample, Series, Storage, between, stale_marker};
use crate::value::Value;

const QUERIES: &[&str] = &[
    r#"sum(rate(a_total{r="ok"}[30s])) / sum(rate(a_total[30s]))"#,
    r#"1 - (sum(increase(a_total{r="error"}[1m])) or vector(0)) / sum(increase(a_total[1m]))"#,
    "sum by (r) (rate(a_total[20s]))",
    "avg without (pod) (increase(a_total[45s]))",
    "histogram_quantile(0.9, sum by (le) (rate(d_bucket[30s])))",
    "max by (pod) (delta(a_total[30s])) > 5",
    "rate(a_total[30s])",
    "a_total",
    "count(a_total) - count(a_total offset 10s)",
    "sum(rate(a_total[30s] offset 7s)) + sum(rate(a_total[30s] @ 40))",
    "sum by (r) (irate(a_total[30s])) + on (r) group_right() changes(a_total[1m])",
    "max_over_time(a_total[25s]) - min_over_time(a_total[25s])",
    "last_over_time(a_total[15s])",
    "count by (r) (count_over_time(a_total[40s])) + quantile by (r) (0.5, resets(a_total[40s]))",
    "topk(2, rate(a_total[30s]))",
    "sum(max_over_time(rate(a_total[20s])[30s:5s]))",
    "absent(a_total{r=\"other\"})",
];

/// The time between two samples of one pull.
const PULL_STEP_MS: i64 = 700;

/// What the law is about: series that any storage may hold, with a key for each.
#[derive(Debug, Default)]
struct World {
    series: Vec<Option<Series>>,
}

impl World {
    fn history(&self, selector: &Selector, from_ms: i64) -> Vec<(u32, Series)> {
        let known = self.series.iter().enumerate();
        known
            .filter_map(|(key, series)| Some((key as u32, series.as_ref()?)))
            .filter(|(_, series)| selector.matches(&series.labels))
            .map(|(key, series)| {
                let samples = between(&series.samples, from_ms, i64::MAX).to_vec();
                (key, Series { samples, ..series.clone() })
            })
            .collect()
    }
}

impl Storage for World {
    fn select(&self, selector: &Selector, start_ms: i64, end_ms: i64) -> Vec<Series> {
        let all: Vec<Series> = self.series.iter().flatten().cloned().collect();
        all.select(selector, start_ms, end_ms)
    }
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    /// A sample of a series arrives, so many milliseconds before or after the clock.
    Sample { series: usize, v: f64, off_ms: i64 },
    /// A target is scraped: each of its series shows something or is missing.
    Page { target: Target, cells: Vec<Cell> },
    /// Some samples of each series come at once, one series after the other.
    Pull { steps: usize, cells: Vec<Cell> },
    /// The clock goes on.
    Pass { ms: i64 },
    /// The storage forgets a series.
    Forget { series: usize },
    /// A rule is added.
    Rule { query: usize },
}

/// Which pods answer together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    X,
    Y,
    Both,
}

/// What a series shows at a scrape.
#[derive(Debug, Clone, Copy)]
enum Cell {
    Grown(u32),
    Reset(u32),
    Missing,
    Stale,
    NotANumber,
}

impl Cell {
    fn value(self, before: Option<&Sample>) -> Option<f64> {
        let before = before.map_or(0.0, |sample| sample.v);
        Some(match self {
            Cell::Grown(by) if before.is_nan() => f64::from(by),
            Cell::Grown(by) => before + f64::from(by),
            Cell::Reset(to) => f64::from(to),
            Cell::Missing => return None,
            Cell::Stale => stale_marker(),
            Cell::NotANumber => f64::NAN,
        })
    }
}

fn labels(series: usize) -> Labels {
    let pod = ["x", "y"][series % 2];
    match series {
        0..4 => Labels::named("a_total", [("r", ["ok", "error"][series / 2]), ("pod", pod)]),
        4..10 => Labels::named(
            "d_bucket",
            [("le", ["0.1", "1", "+Inf"][(series - 4) / 2]), ("pod", pod)],
        ),
        _ => Labels::named("other", [("pod", pod)]),
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let value = prop_oneof![
        8 => (0..40_u32).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(stale_marker()),
        1 => -5.0..5.0_f64,
    ];
    let off_ms = prop_oneof![6 => Just(0), 2 => -30_000..0_i64, 1 => 0..8_000_i64];
    let event = prop_oneof![
        12 => (0..11_usize, value, off_ms)
            .prop_map(|(series, v, off_ms)| Event::Sample { series, v, off_ms }),
        5 => (1..12_000_i64).prop_map(|ms| Event::Pass { ms }),
        1 => (0..11_usize).prop_map(|series| Event::Forget { series }),
        2 => (0..QUERIES.len()).prop_map(|query| Event::Rule { query }),
    ];
    proptest::collection::vec(event, 20..160)
}

fn cell_of() -> impl Strategy<Value = Cell> {
    prop_oneof![
        24 => (0..9_u32).prop_map(Cell::Grown),
        1 => (0..9_u32).prop_map(Cell::Reset),
        1 => Just(Cell::Missing),
        1 => Just(Cell::Stale),
        1 => Just(Cell::NotANumber),
    ]
}

/// Scrapes, with little else between them.
fn scrapes() -> impl Strategy<Value = Vec<Event>> {
    let target = prop_oneof![6 => Just(Target::Both), 1 => Just(Target::X), 1 => Just(Target::Y)];
    let page = (target, proptest::collection::vec(cell_of(), 11))
        .prop_map(|(target, cells)| Event::Page { target, cells });
    let pull = (2..4_usize, proptest::collection::vec(cell_of(), 33))
        .prop_map(|(steps, cells)| Event::Pull { steps, cells });
    let sample = (0..11_usize, 0..40_u32, -30_000..3_000_i64)
        .prop_map(|(series, v, off_ms)| Event::Sample { series, v: f64::from(v), off_ms });
    let event = prop_oneof![
        30 => (page, 1..9_000_i64).prop_map(|(page, ms)| vec![page, Event::Pass { ms }]),
        4 => (pull, 1..9_000_i64).prop_map(|(pull, ms)| vec![pull, Event::Pass { ms }]),
        1 => sample.prop_map(|sample| vec![sample]),
        1 => (0..11_usize).prop_map(|series| vec![Event::Forget { series }]),
        4 => (0..QUERIES.len()).prop_map(|query| vec![Event::Rule { query }]),
    ];
    proptest::collection::vec(event, 20..60).prop_map(|events| events.concat())
}

fn bits(value: &Value) -> String {
    match value {
        Value::Vector(elements) => {
            let one = |e: &crate::value::Element| {
                let v = if e.v.is_nan() { "NaN".into() } else { format!("{:x}", e.v.to_bits()) };
                format!("{} {v}", e.labels)
            };
            let mut shown: Vec<String> = elements.iter().map(one).collect();
            shown.sort();
            shown.join("; ")
        }
        other => format!("{other:?}"),
    }
}

fn step(event: &Event, world: &mut World, rules: &mut Rules, ids: &mut Vec<RuleId>, now: &mut i64) {
    match event {
        Event::Pass { ms } => *now += ms,
        Event::Forget { series } => {
            world.series[*series] = None;
            rules.gone(&[*series as u32]);
        }
        Event::Rule { query } => {
            let expr = parse(QUERIES[*query]).expect("the queries above parse");
            let seen = &*world;
            ids.push(
                rules.add(expr, *now, &mut |selector, from_ms| seen.history(selector, from_ms)),
            );
        }
        Event::Sample { series, v, off_ms } => {
            let sample = Sample { t_ms: (*now + off_ms).max(0), v: *v };
            arrive(*series, sample, world, rules);
        }
        Event::Pull { steps, cells } => {
            for series in 0..11 {
                for step in 0..*steps {
                    let known = world.series[series].as_ref();
                    let before = known.and_then(|series| series.samples.last());
                    if let Some(v) = cells[series * 3 + step].value(before) {
                        let t_ms = *now + step as i64 * PULL_STEP_MS;
                        arrive(series, Sample { t_ms, v }, world, rules);
                    }
                }
            }
            *now += *steps as i64 * PULL_STEP_MS;
        }
        Event::Page { target, cells } => {
            for (series, cell) in cells.iter().enumerate() {
                let shown = match target {
                    Target::X => series % 2 == 0,
                    Target::Y => series % 2 == 1,
                    Target::Both => true,
                };
                let known = world.series[series].as_ref();
                let v = cell.value(known.and_then(|series| series.samples.last()));
                if let Some(v) = v.filter(|_| shown) {
                    arrive(series, Sample { t_ms: *now, v }, world, rules);
                }
            }
        }
    }
}

fn arrive(series: usize, sample: Sample, world: &mut World, rules: &mut Rules) {
    if world.series[series].is_none() {
        let labels = labels(series);
        rules.born(series as u32, &labels);
        world.series[series] = Some(Series { labels, samples: Vec::new(), created_ms: None });
    }
    let Some(known) = world.series[series].as_mut() else { return };
    let at = known.samples.partition_point(|s| s.t_ms < sample.t_ms);
    if known.samples.get(at).is_none_or(|s| s.t_ms != sample.t_ms) {
        known.samples.insert(at, sample);
        rules.arrived(series as u32, sample);
    }
}

/// Plays events and compares every answer with the full evaluation's.
fn play(events: &[Event], lag_ms: i64) -> Result<(), TestCaseError> {
    let mut world = World { series: vec![None; 11] };
    let (mut rules, mut ids, mut now) = (Rules::default(), Vec::new(), 60_000);
    for event in events {
        step(event, &mut world, &mut rules, &mut ids, &mut now);
        if !matches!(event, Event::Pass { .. }) {
            continue;
        }
        for id in &ids {
            // Now and then an evaluation looks back, which the sheets need not remember.
            let at_ms = if now % 7 == 0 { now - lag_ms } else { now };
            let full = eval(rules.expr(*id), &world, at_ms);
            let live = rules.eval(*id, &world, at_ms);
            match (full, live) {
                (Ok(full), Ok(live)) => prop_assert_eq!(bits(&full), bits(&live)),
                (full, live) => prop_assert_eq!(full.is_err(), live.is_err()),
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn an_incremental_answer_is_the_full_one(events in events(), lag_ms in 0..20_000_i64) {
        play(&events, lag_ms)?;
    }

    #[test]
    fn an_answer_over_scrapes_is_the_full_one(events in scrapes(), lag_ms in 0..20_000_i64) {
        play(&events, lag_ms)?;
    }
}

#[test]
fn a_long_run_reads_its_sheets_and_stays_the_full_answer() {
    let mut world = World { series: vec![None; 11] };
    let (mut rules, mut ids, mut now) = (Rules::default(), Vec::new(), 0);
    for query in 0..QUERIES.len() {
        step(&Event::Rule { query }, &mut world, &mut rules, &mut ids, &mut now);
    }
    for n in 0..600_u32 {
        for series in 0..11 {
            let v = f64::from((n * (series as u32 + 1)) % 500);
            step(
                &Event::Sample { series, v, off_ms: 0 },
                &mut world,
                &mut rules,
                &mut ids,
                &mut now,
            );
        }
        for id in &ids {
            let full = eval(rules.expr(*id), &world, now).expect("it has a value");
            let live = rules.eval(*id, &world, now).expect("it has a value");
            assert_eq!(bits(&full), bits(&live), "{:?} at {now}", rules.expr(*id));
        }
        now += 1000;
    }
}
