//! What readings say of data that is whole, late, reset, gone or new.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
use proptest::prelude::*;

use super::{Bound, Counts, Gap, Indicator, Op};
use crate::labels::Labels;
use crate::selector::Selector;
use crate::series::{Sample, Series, stale_marker};

const SHARE: &str = r#"sum(rate(a_total{r="ok"}[30s])) / sum(rate(a_total[30s]))"#;
const ERRORS: &str =
    r#"(sum(rate(a_total{r="error"}[30s])) or vector(0)) / sum(rate(a_total[30s]))"#;
const P95: &str = "histogram_quantile(0.95, sum by (le) (rate(d_bucket[30s])))";
const AT_LEAST: Bound = Bound { op: Op::AtLeast, value: 0.9995 };
const AT_MOST: Bound = Bound { op: Op::AtMost, value: 0.001 };

/// A series with a value each second from zero on; NaN stands for a scrape without it.
fn series(name: &str, pairs: &[(&str, &str)], values: &[f64]) -> Series {
    let sample = |(n, v): (usize, &f64)| {
        (!v.is_nan() || v.to_bits() == stale_marker().to_bits())
            .then_some(Sample { t_ms: n as i64 * 1000, v: *v })
    };
    Series {
        labels: Labels::named(name, pairs.iter().copied()),
        samples: values.iter().enumerate().filter_map(sample).collect(),
        created_ms: None,
    }
}

fn check(
    query: &str,
    bound: Bound,
    storage: &[Series],
    (prev_ms, at_ms): (i64, i64),
    expected: (Option<(u64, u64, u64)>, Option<Gap>),
) {
    let indicator = Indicator::compile(query).unwrap();
    let reading = indicator.read(&storage.to_vec(), prev_ms, at_ms, bound);
    let counts = reading.counts.map(|c| (c.total, c.bad_least, c.bad_most));
    assert_eq!((counts, reading.gap), expected, "{query}: {reading:?}");
}

const NONE: f64 = f64::NAN;

#[test]
fn counts_are_raw_deltas_and_not_the_stretched_rate() {
    // rate() over these three samples stretches 2 events to more than 2.
    let data = [
        series("a_total", &[("r", "ok")], &[100.0, 101.0, 102.0]),
        series("a_total", &[("r", "error")], &[7.0, 7.0, 7.0]),
    ];
    check(SHARE, AT_LEAST, &data, (0, 2000), (Some((2, 0, 0)), None));
    check(SHARE, AT_LEAST, &data, (1000, 2000), (Some((1, 0, 0)), None));
}

#[test]
fn a_quantile_of_the_last_second_is_not_smoothed_by_the_window() {
    // A thousand fast events, then ten slow ones: the window's p95 still says fast.
    let fast = [0.0, 1000.0, 1000.0];
    let all = [0.0, 1000.0, 1010.0];
    let data = [
        series("d_bucket", &[("le", "0.1")], &fast),
        series("d_bucket", &[("le", "1")], &all),
        series("d_bucket", &[("le", "+Inf")], &all),
    ];
    let bound = Bound { op: Op::AtMost, value: 0.1 };
    let reading = Indicator::compile(P95).unwrap().read(&data.to_vec(), 1000, 2000, bound);
    assert!(reading.value.unwrap() < 0.1, "{reading:?}");
    assert!(reading.estimate.unwrap() > 0.9, "{reading:?}");
}

#[test]
fn a_counter_born_at_one_keeps_its_first_error() {
    let data = [
        series("a_total", &[("r", "ok")], &[100.0, 200.0, 300.0]),
        series("a_total", &[("r", "error")], &[NONE, NONE, 1.0]),
    ];
    check(SHARE, AT_LEAST, &data, (1000, 2000), (Some((101, 1, 1)), None));
    check(ERRORS, AT_MOST, &data, (1000, 2000), (Some((101, 1, 1)), None));
}

#[test]
fn the_first_look_at_an_old_counter_counts_nothing() {
    let data = [series("a_total", &[("r", "ok")], &[NONE, NONE, 1_000_000.0])];
    check(SHARE, AT_LEAST, &data, (1000, 2000), (None, Some(Gap::NoData)));
    let mut born = data.clone();
    born[0].created_ms = Some(1500);
    check(SHARE, AT_LEAST, &born, (1000, 2000), (Some((1_000_000, 0, 0)), Some(Gap::EmptyVector)));
}

#[test]
fn a_new_instance_does_not_bring_its_past() {
    let data = [
        series("a_total", &[("instance", "a:1"), ("r", "ok")], &[10.0, 20.0, 30.0]),
        series("a_total", &[("instance", "b:1"), ("r", "ok")], &[NONE, NONE, 5000.0]),
    ];
    check(SHARE, AT_LEAST, &data, (1000, 2000), (Some((10, 0, 0)), None));
}

#[test]
fn a_reset_is_a_lower_bound_and_visible() {
    let data = [
        series("a_total", &[("r", "ok")], &[100.0, 200.0, 30.0, 40.0]),
        series("a_total", &[("r", "error")], &[5.0, 5.0, 2.0, 2.0]),
    ];
    check(SHARE, AT_LEAST, &data, (1000, 3000), (Some((42, 2, 2)), Some(Gap::Reset)));
    check(SHARE, AT_LEAST, &data, (2000, 3000), (Some((10, 0, 0)), None));
}

#[test]
fn a_restart_that_the_value_hides_shows_by_its_created_time() {
    let mut data = [series("a_total", &[("r", "ok")], &[10.0, 10.0, 15.0])];
    data[0].created_ms = Some(1500);
    check(SHARE, AT_LEAST, &data, (1000, 2000), (Some((15, 0, 0)), Some(Gap::Reset)));
}

#[test]
fn a_missing_scrape_is_stale_and_the_look_back_hides_nothing() {
    let data = [series("a_total", &[("r", "ok")], &[100.0, 200.0])];
    let stale = Some(Gap::Stale { age_ms: 1000 });
    check(SHARE, AT_LEAST, &data, (1000, 2000), (Some((0, 0, 0)), stale));
    let up = "up > 0";
    let data = [series("up", &[], &[1.0, 1.0])];
    check(up, AT_LEAST, &data, (1000, 2000), (None, stale));
}

#[test]
fn a_source_slower_than_the_judge_is_not_stale_between_its_samples() {
    let mut slow = series("a_total", &[("r", "ok")], &[100.0, 200.0, 300.0]);
    slow.samples.iter_mut().for_each(|s| s.t_ms *= 15);
    check(SHARE, AT_LEAST, &[slow.clone()], (39_000, 40_000), (Some((0, 0, 0)), None));
    let late = Some(Gap::Stale { age_ms: 23_000 });
    check(SHARE, AT_LEAST, &[slow], (52_000, 53_000), (Some((0, 0, 0)), late));
}

#[test]
fn a_killed_pod_is_absent_although_the_others_make_the_ratio_look_better() {
    let gone = stale_marker();
    let data = [
        series("a_total", &[("instance", "a:1"), ("r", "ok")], &[10.0, 20.0, 30.0]),
        series("a_total", &[("instance", "b:1"), ("r", "error")], &[1.0, 9.0, gone]),
    ];
    check(SHARE, AT_LEAST, &data, (1000, 2000), (Some((10, 0, 0)), Some(Gap::AbsentTarget)));
    let data = [
        series("a_total", &[("instance", "a:1"), ("r", "ok")], &[10.0, 20.0, 30.0]),
        series("up", &[("instance", "a:1")], &[1.0, 1.0, 0.0]),
    ];
    check(SHARE, AT_LEAST, &data, (1000, 2000), (Some((10, 0, 0)), Some(Gap::AbsentTarget)));
    let down = [series("up", &[("instance", "a:1")], &[0.0, 0.0, 0.0])];
    check(SHARE, AT_LEAST, &down, (1000, 2000), (None, Some(Gap::AbsentTarget)));
}

#[test]
fn nothing_divided_by_nothing_and_an_empty_vector_are_gaps() {
    let idle = [
        series("a_total", &[("r", "ok")], &[5.0, 5.0, 5.0]),
        series("a_total", &[("r", "error")], &[0.0, 0.0, 0.0]),
    ];
    check(SHARE, AT_LEAST, &idle, (1000, 2000), (Some((0, 0, 0)), Some(Gap::NotANumber)));
    check("a_total > 100", AT_LEAST, &idle, (1000, 2000), (None, Some(Gap::EmptyVector)));
    check(SHARE, AT_LEAST, &[], (1000, 2000), (None, Some(Gap::NoData)));
    let only_bad = [series("a_total", &[("r", "error")], &[0.0, 1.0, 2.0])];
    let all_bad = Some((1, 1, 1));
    check(SHARE, AT_LEAST, &only_bad, (1000, 2000), (all_bad, Some(Gap::EmptyVector)));
    let twice = r#"a_total{r="ok"} + on() a_total"#;
    check(twice, AT_LEAST, &idle, (1000, 2000), (None, Some(Gap::Failed)));
}

#[test]
fn a_window_of_rate_smears_a_short_fault_and_the_counts_do_not() {
    // Ten seconds of failures, then twenty healthy ones.
    let ok: Vec<f64> = (0..=40).map(|n| f64::from(n * 10)).collect();
    let bad: Vec<f64> = (0..=40).map(|n| f64::from((n - 10).clamp(0, 10) * 5)).collect();
    let data =
        vec![series("a_total", &[("r", "ok")], &ok), series("a_total", &[("r", "error")], &bad)];
    let indicator = Indicator::compile(SHARE).unwrap();
    let reading = indicator.read(&data, 34_000, 35_000, AT_LEAST);
    assert_eq!(reading.counts, Some(Counts { total: 10, bad_least: 0, bad_most: 0 }));
    assert!(reading.value.unwrap() < 0.9, "the range still holds the failures: {reading:?}");
}

#[test]
fn names_in_any_script_are_read() {
    let query = r#"sum(rate({"订单","结果.类"="成功"}[30s])) / sum(rate({"订单"}[30s]))"#;
    let data = [
        series("订单", &[("结果.类", "成功")], &[1.0, 2.0, 9.0]),
        series("订单", &[("结果.类", "失败")], &[0.0, 0.0, 1.0]),
    ];
    check(query, AT_LEAST, &data, (1000, 2000), (Some((8, 1, 1)), None));
}

#[test]
fn a_quantile_is_a_share_above_an_edge_and_a_range_between_two() {
    let bucket = |le: &str, values: &[f64]| series("d_bucket", &[("le", le)], values);
    let data = [
        bucket("0.1", &[0.0, 90.0, 180.0]),
        bucket("0.5", &[0.0, 98.0, 196.0]),
        bucket("+Inf", &[0.0, 100.0, 200.0]),
    ];
    let at_most = |value| Bound { op: Op::AtMost, value };
    check(P95, at_most(0.5), &data, (1000, 2000), (Some((100, 2, 2)), None));
    check(P95, at_most(0.3), &data, (1000, 2000), (Some((100, 2, 10)), None));
    check(P95, at_most(0.05), &data, (1000, 2000), (Some((100, 10, 100)), None));
    check(P95, at_most(7.0), &data, (1000, 2000), (Some((100, 0, 2)), None));
    let edges = Indicator::compile(P95).unwrap().edges(&data.to_vec(), 2000);
    assert_eq!(edges, [0.1, 0.5]);
    check(P95, at_most(0.5), &data[..2], (1000, 2000), (None, Some(Gap::NoData)));
}

#[test]
fn each_histogram_is_counted_by_its_own_edges() {
    let bucket = |pod: &str, le: &str, last: f64| {
        series("d_bucket", &[("pod", pod), ("le", le)], &[0.0, 0.0, last])
    };
    let data = [
        bucket("a", "0.3", 5.0),
        bucket("a", "+Inf", 10.0),
        bucket("b", "0.2", 1.0),
        bucket("b", "0.4", 8.0),
        bucket("b", "+Inf", 10.0),
    ];
    let bound = Bound { op: Op::AtMost, value: 0.3 };
    check(P95, bound, &data, (1000, 2000), (Some((20, 7, 14)), None));
}

#[test]
fn the_allowed_bad_share_follows_the_direction() {
    let share = |query: &str, bound| Indicator::compile(query).unwrap().bad_share(bound);
    let close = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-12, "{a:?} {b}");
    close(share(SHARE, AT_LEAST), 0.0005);
    close(share(ERRORS, AT_MOST), 0.001);
    close(share(P95, AT_MOST), 0.05);
    assert_eq!(share(P95, AT_LEAST), None);
    assert_eq!(share("up", AT_LEAST), None);
    let inverted = r#"1 - sum(rate(a_total{r="error"}[30s])) / sum(rate(a_total[30s]))"#;
    close(share(inverted, AT_LEAST), 0.0005);
    let data = [
        series("a_total", &[("r", "ok")], &[0.0, 0.0, 90.0]),
        series("a_total", &[("r", "error")], &[0.0, 0.0, 10.0]),
    ];
    check(inverted, AT_LEAST, &data, (1000, 2000), (Some((100, 10, 10)), None));
}

#[test]
fn what_a_source_must_bring_and_how_far_back_is_known() {
    let indicator = Indicator::compile("rate(a[30s] offset 1m) / rate(b[5s]) + a").unwrap();
    let shown: Vec<String> = indicator.selectors().iter().map(Selector::to_string).collect();
    assert_eq!(shown, [r#"{__name__="a"}"#, r#"{__name__="b"}"#]);
    assert_eq!(indicator.window_ms(), 90_000);
    let error = |query: &str| Indicator::compile(query).unwrap_err().to_string();
    assert!(error("sum(").starts_with("parse the query: "));
    assert_eq!(error(&"(".repeat(100)), "read the query: it is nested deeper than 64 levels");
    assert_eq!(error(&"-".repeat(100)), "read the query: it is nested deeper than 64 levels");
}

proptest! {
    /// Windows that follow each other count every event once, whatever restarts, births and
    /// skipped scrapes there are between them.
    #[test]
    fn windows_add_up_to_what_the_counters_saw(
        ok in proptest::collection::vec((0..50_u32, 0..12_u8), 3..30),
        bad in proptest::collection::vec((0..50_u32, 0..12_u8), 3..30),
        born in 1..20_usize,
    ) {
        let (mut seen, mut data) = (0, Vec::new());
        for (result, steps, born) in [("ok", &ok, 0), ("error", &bad, born)] {
            let (mut value, mut last) = (0, 0);
            let mut values = Vec::new();
            for (n, (events, what)) in steps.iter().enumerate() {
                if n < born {
                    values.push(NONE);
                    continue;
                }
                value = if *what == 0 { *events } else { value + events };
                // A scrape may be missed, but not the first one, which is the base.
                if *what == 1 && n > 0 {
                    values.push(NONE);
                    continue;
                }
                if n > 0 {
                    seen += if value < last { value } else { value - last };
                }
                last = value;
                values.push(f64::from(value));
            }
            data.push(series("a_total", &[("r", result)], &values));
        }
        let indicator = Indicator::compile(SHARE).unwrap();
        let total = |prev_ms, at_ms| {
            let counts = indicator.read(&data, prev_ms, at_ms, AT_LEAST).counts;
            counts.map_or(0, |counts| counts.total)
        };
        let windows: u64 = (0..30).map(|n| total(n * 1000, n * 1000 + 1000)).sum();
        prop_assert_eq!(windows, u64::from(seen));
        prop_assert_eq!(total(0, 30_000), u64::from(seen));
    }
}
