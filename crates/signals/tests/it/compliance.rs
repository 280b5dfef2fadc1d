//! The compliance list of the Prometheus project, each query evaluated here and by a real server
//! over the same samples.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use squall_query::{Labels, eval_range, parse};
use squall_signals::exposition::{self, Format};
use squall_signals::{Limits, Store};

use crate::real_prometheus::RealPrometheus;

/// When the samples begin: a multiple of the interval, plus an odd part that keeps every sample
/// off the edges of ranges, where Prometheus 2 and 3 differ.
const BEGIN_MS: i64 = 1_700_000_001_234;
const INTERVAL_MS: i64 = 5_000;
const SAMPLES: i64 = 1_200;
/// The range of the queries: ten minutes near the samples' end, each ten seconds.
const RANGE_MS: (i64, i64, i64) = (1_700_005_200_351, 1_700_005_800_351, 10_000);

/// What differs between Prometheus 3, which is followed here, and the server of Debian 12.
const NEWER: &[(&str, &str)] = &[("~invalid", "label names are any UTF-8 since Prometheus 3")];

const VARIANTS: &[(&str, &str)] = &[
    ("simpleAggrOp", "sum avg max min count stddev stdvar"),
    ("topBottomOp", "topk bottomk"),
    ("quantile", "-0.5 0.1 0.5 0.75 0.95 0.90 0.99 1 1.5"),
    ("arithBinOp", "+ - * / % ^"),
    ("compBinOp", "== != < > <= >="),
    ("binOp", "+ - * / % ^ == != < > <= >="),
    ("simpleMathFunc", "abs ceil floor exp sqrt ln log2 log10 round"),
    ("extrapolatedRateFunc", "delta rate increase"),
    ("clampFunc", "clamp_min clamp_max"),
    ("instantRateFunc", "idelta irate"),
    ("dateFunc", "day_of_month day_of_week days_in_month hour minute month year"),
    ("simpleTimeAggrOp", "sum avg max min count stddev stdvar absent last present"),
    ("range", "1s 15s 1m 5m 15m 1h"),
    ("offset", "1m 5m 10m"),
];

#[test]
fn the_compliance_list_gives_what_a_real_server_gives() {
    let list = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/promqltest/compliance-promql-test-queries.yml");
    let Ok(list) = std::fs::read_to_string(&list) else {
        println!("SKIP the compliance list: {} is absent", list.display());
        return;
    };
    let text = samples();
    let server = match RealPrometheus::holding(&text) {
        Ok(server) => server,
        Err(reason) => {
            println!("SKIP the compliance list: {reason}");
            return;
        }
    };
    let mut store = Store::new(Limits { retention_ms: i64::MAX, ..Limits::default() });
    for scraped in exposition::parse(&text, Format::OpenMetrics).unwrap().samples {
        store.append(&scraped.labels, scraped.t_ms.unwrap(), scraped.v).unwrap();
    }
    wait_until_ready(&server);
    let (mut equal, mut values, mut failed, mut newer) = (0, 0, Vec::new(), 0);
    for query in queries(&list) {
        match compared(&query, &store, &server) {
            Ok(compared) => {
                equal += 1;
                values += compared;
            }
            Err(_) if NEWER.iter().any(|(part, _)| query.contains(part)) => newer += 1,
            Err(why) => failed.push(format!("{query}: {why}")),
        }
    }
    for failure in &failed {
        println!("DIFFERS {failure}");
    }
    println!(
        "compliance list: {equal} equal ({values} values), {} differ, {newer} newer by design",
        failed.len()
    );
    assert!(failed.is_empty() && equal > 500 && values > 100_000, "{} differ", failed.len());
}

fn wait_until_ready(server: &RealPrometheus) {
    const DEADLINE: Duration = Duration::from_secs(60);
    let start = Instant::now();
    let ready =
        || server.ask("/api/v1/query", &[("query", "1")]).is_some_and(|a| a["status"] == "success");
    while !ready() {
        assert!(start.elapsed() < DEADLINE, "prometheus does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Reads the list's queries and expands their variants.
fn queries(list: &str) -> Vec<String> {
    let query = |line: &str| {
        let line = line.trim().trim_start_matches("- ");
        let text = line.strip_prefix("query:")?.trim();
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'));
        Some(quote.map_or(text, |quote| text.trim_matches(quote)).to_owned())
    };
    list.lines().filter_map(query).flat_map(|query| expanded(&query)).collect()
}

fn expanded(query: &str) -> Vec<String> {
    let Some((before, rest)) = query.split_once("{{.") else { return vec![query.to_owned()] };
    let (name, after) = rest.split_once("}}").unwrap();
    let (_, values) = VARIANTS.iter().find(|(known, _)| *known == name).unwrap();
    values.split(' ').flat_map(|value| expanded(&format!("{before}{value}{after}"))).collect()
}

type Rows = BTreeMap<Labels, Vec<(i64, f64)>>;

/// Compares one query's values, and returns how many there were.
fn compared(query: &str, store: &Store, server: &RealPrometheus) -> Result<usize, String> {
    let here = parse(query)
        .map_err(|error| error.to_string())
        .and_then(|expr| eval_range(&expr, store, RANGE_MS).map_err(|error| error.to_string()));
    let (start, end) = (seconds(RANGE_MS.0), seconds(RANGE_MS.1));
    let fields = [("query", query), ("start", &start), ("end", &end), ("step", "10")];
    let answer = server.ask("/api/v1/query_range", &fields).ok_or("no answer")?;
    let here: Rows = match (here, answer["status"] == "success") {
        (Err(_), false) => return Ok(0),
        (Err(why), true) => return Err(format!("fails only here: {why}")),
        (Ok(_), false) => return Err(format!("fails only there: {}", answer["error"])),
        (Ok(tracks), true) => tracks
            .into_iter()
            .map(|t| (t.labels, t.samples.iter().map(|s| (s.t_ms, s.v)).collect()))
            .collect(),
    };
    let there = rows(&answer["data"]["result"]);
    let same = here.len() == there.len()
        && here.iter().zip(&there).all(|((l, v), (m, w))| {
            l == m
                && v.len() == w.len()
                && v.iter().zip(w).all(|(a, b)| a.0 == b.0 && close(a.1, b.1))
        });
    if same { Ok(here.values().map(Vec::len).sum()) } else { Err(difference(&here, &there)) }
}

fn difference(here: &Rows, there: &Rows) -> String {
    for (labels, values) in here {
        let Some(other) = there.get(labels) else { return format!("{labels} is only here") };
        let pair = values.iter().zip(other).find(|(a, b)| a.0 != b.0 || !close(a.1, b.1));
        if let Some((a, b)) = pair {
            return format!("{labels} is {a:?} here and {b:?} there");
        }
        if values.len() != other.len() {
            return format!("{labels} has {} values here and {} there", values.len(), other.len());
        }
    }
    let missing = there.keys().find(|labels| !here.contains_key(labels));
    format!("{missing:?} is only there")
}

fn rows(result: &serde_json::Value) -> Rows {
    let row = |row: &serde_json::Value| {
        let pairs = row["metric"].as_object().unwrap().iter();
        let labels = Labels::from_pairs(pairs.map(|(n, v)| (n.as_str(), v.as_str().unwrap())));
        let value = |v: &serde_json::Value| {
            let t_ms = (v[0].as_f64().unwrap() * 1000.0).round() as i64;
            (t_ms, v[1].as_str().unwrap().parse().unwrap())
        };
        (labels, row["values"].as_array().unwrap().iter().map(value).collect())
    };
    result.as_array().unwrap().iter().map(row).collect()
}

fn close(a: f64, b: f64) -> bool {
    const SHARE: f64 = 1e-9;
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= SHARE * (a.abs() + b.abs())
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Makes the metrics that the list expects of its demonstration service, the same at every run.
fn samples() -> String {
    let mut out = String::new();
    let mut noise = 88_172_645_463_325_252_u64;
    // Xorshift: the values only have to be uneven.
    let mut uneven = move |below: u64| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise % below
    };
    for port in 10_000..10_003_u64 {
        let of = format!("instance=\"demo.promlabs.com:{port}\",job=\"demo\"");
        let mut line = |name: &str, labels: &str, value: &mut dyn FnMut(i64) -> Option<f64>| {
            for n in 0..SAMPLES {
                if let Some(v) = value(n) {
                    let at = seconds(BEGIN_MS + n * INTERVAL_MS);
                    writeln!(out, "{name}{{{of}{labels}}} {v} {at}").unwrap();
                }
            }
        };
        for kind in ["free", "used", "cached", "buffers"] {
            let labels = format!(",type=\"{kind}\"");
            let mut gauge = |_| Some((uneven(4_000_000_000) * (port - 9_999)) as f64);
            line("demo_memory_usage_bytes", &labels, &mut gauge);
        }
        for mode in ["user", "system", "idle"] {
            let mut counter = 0.0;
            let mut count = |n: i64| {
                // A restart every 37 minutes or so, at another time for each instance.
                let restart = (n + port as i64 % 7 * 50) % 444 == 443;
                counter = if restart { 0.5 } else { counter + uneven(700) as f64 / 100.0 };
                Some(counter)
            };
            line("demo_cpu_usage_seconds_total", &format!(",mode=\"{mode}\""), &mut count);
        }
        line("demo_disk_usage_bytes", "", &mut |n| {
            Some(1e11 + (n * 1_000_003) as f64 + uneven(99) as f64)
        });
        line("demo_num_cpus", "", &mut |_| Some(4.0));
        line("demo_batch_last_success_timestamp_seconds", "", &mut |n| {
            Some((BEGIN_MS / 1000 + n / 60 * 300) as f64)
        });
        line("demo_intermittent_metric", "", &mut |n| ((n / 60) % 3 == 0).then_some(n as f64));
        for path in ["/api/foo", "/api/bar"] {
            let mut counts = vec![[0.0; 6]; SAMPLES as usize];
            let mut total = [0.0; 6];
            for at in &mut counts {
                let mut below = 0.0;
                for count in &mut total {
                    below += uneven(9) as f64;
                    *count += below;
                }
                *at = total;
            }
            for (place, le) in ["0.001", "0.01", "0.1", "1", "10", "+Inf"].iter().enumerate() {
                let labels = format!(",path=\"{path}\",le=\"{le}\"");
                let mut count = |n: i64| Some(counts[n as usize][place]);
                line("demo_api_request_duration_seconds_bucket", &labels, &mut count);
            }
            let labels = format!(",path=\"{path}\"");
            let mut all = |n: i64| Some(counts[n as usize][5]);
            line("demo_api_request_duration_seconds_count", &labels, &mut all);
            let mut sum = |n: i64| Some(counts[n as usize][5] * 0.07);
            line("demo_api_request_duration_seconds_sum", &labels, &mut sum);
        }
    }
    out + "# EOF\n"
}
