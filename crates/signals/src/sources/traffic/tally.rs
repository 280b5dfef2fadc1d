//! Owns what came back, and how it reads as series.

use std::{collections::BTreeMap, time::Duration};

use squall_query::Labels;

/// The `job` label of the generator's series.
pub const JOB: &str = "squall-client";
/// The histogram's bounds in seconds: Prometheus' usual ones, and those of common objectives.
pub const BUCKETS_S: [f64; 16] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0];
/// Different status codes counted; a service that answers with more is counted without code.
const CODES_MAX: usize = 64;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Ok,
    Error,
    Timeout,
    Dropped,
}

impl Outcome {
    /// Returns the outcome of an answer with this status.
    pub(super) fn of_status(code: u16) -> Outcome {
        if (200..400).contains(&code) { Outcome::Ok } else { Outcome::Error }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Error => "error",
            Outcome::Timeout => "timeout",
            Outcome::Dropped => "dropped",
        }
    }
}

/// The counts so far.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    requests: BTreeMap<(Outcome, Option<u16>), u64>,
    /// Not cumulative; the last is beyond every bound.
    buckets: [u64; BUCKETS_S.len() + 1],
    sum_s: f64,
    /// Why the last request without an answer had none, for people.
    pub(super) last_failure: Option<String>,
}

impl Default for Tally {
    fn default() -> Tally {
        // Known from the start, so that a ratio of failures is zero and not missing.
        let known = [
            (Outcome::Ok, Some(200)),
            (Outcome::Error, None),
            (Outcome::Timeout, None),
            (Outcome::Dropped, None),
        ];
        Tally {
            requests: known.map(|key| (key, 0)).into(),
            buckets: [0; BUCKETS_S.len() + 1],
            sum_s: 0.0,
            last_failure: None,
        }
    }
}

impl Tally {
    /// Counts a request; a dropped one has no latency, and is slower than any bound.
    pub(super) fn count(&mut self, outcome: Outcome, code: Option<u16>, latency: Option<Duration>) {
        let full = self.requests.len() >= CODES_MAX;
        let known = self.requests.contains_key(&(outcome, code));
        let code = code.filter(|_| known || !full);
        *self.requests.entry((outcome, code)).or_default() += 1;
        let latency_s = latency.map_or(f64::INFINITY, |latency| latency.as_secs_f64());
        self.buckets[BUCKETS_S.partition_point(|bound| *bound < latency_s)] += 1;
        if latency_s.is_finite() {
            self.sum_s += latency_s;
        }
    }

    /// Returns how many requests ended so.
    pub(super) fn of(&self, outcome: Outcome) -> u64 {
        self.requests.iter().filter(|((one, _), _)| *one == outcome).map(|(_, count)| count).sum()
    }

    /// Returns every series with its value.
    pub(super) fn series(&self, instance: &str) -> Vec<(Labels, f64)> {
        let named = |metric: &str, pairs: &[(&str, &str)]| {
            let target = [("job", JOB), ("instance", instance)];
            Labels::named(metric, target.into_iter().chain(pairs.iter().copied()))
        };
        let mut all = Vec::new();
        for ((outcome, code), count) in &self.requests {
            let code = code.map_or_else(String::new, |code| code.to_string());
            let pairs = [("outcome", outcome.text()), ("code", code.as_str())];
            all.push((named("squall_client_requests_total", &pairs), *count as f64));
        }
        let duration = "squall_client_request_duration_seconds";
        let mut below = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            below += count;
            let le = BUCKETS_S.get(at).map_or_else(|| "+Inf".to_owned(), f64::to_string);
            all.push((named(&format!("{duration}_bucket"), &[("le", le.as_str())]), below as f64));
        }
        all.push((named(&format!("{duration}_count"), &[]), below as f64));
        all.push((named(&format!("{duration}_sum"), &[]), self.sum_s));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(tally: &Tally) -> Vec<String> {
        let shown = |(labels, value): &(Labels, f64)| {
            let pairs: Vec<_> = labels
                .iter()
                .filter(|(name, _)| !["job", "instance", "__name__"].contains(name))
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let metric = labels.metric().trim_start_matches("squall_client_request");
            format!("{metric}{{{}}} {value}", pairs.join(","))
        };
        let zero_bucket = |line: &String| !(line.contains("_bucket") && line.ends_with(" 0"));
        tally.series("a:1").iter().map(shown).filter(zero_bucket).collect()
    }

    #[test]
    fn what_has_not_happened_is_zero_and_not_missing() {
        assert_eq!(
            text(&Tally::default()),
            [
                "s_total{code=200,outcome=ok} 0",
                "s_total{outcome=error} 0",
                "s_total{outcome=timeout} 0",
                "s_total{outcome=dropped} 0",
                "_duration_seconds_count{} 0",
                "_duration_seconds_sum{} 0",
            ]
        );
    }

    #[test]
    fn latencies_fall_into_cumulative_buckets() {
        let mut tally = Tally::default();
        let ms = |ms| Some(Duration::from_millis(ms));
        tally.count(Outcome::of_status(200), Some(200), ms(2500));
        tally.count(Outcome::of_status(503), Some(503), ms(5000));
        tally.count(Outcome::Timeout, None, ms(60_000));
        tally.count(Outcome::Dropped, None, None);
        assert_eq!(
            text(&tally),
            [
                "s_total{code=200,outcome=ok} 1",
                "s_total{outcome=error} 0",
                "s_total{code=503,outcome=error} 1",
                "s_total{outcome=timeout} 1",
                "s_total{outcome=dropped} 1",
                "_duration_seconds_bucket{le=2.5} 1",
                "_duration_seconds_bucket{le=5} 2",
                "_duration_seconds_bucket{le=10} 2",
                "_duration_seconds_bucket{le=+Inf} 4",
                "_duration_seconds_count{} 4",
                "_duration_seconds_sum{} 67.5",
            ]
        );
    }

    #[test]
    fn codes_are_bounded() {
        let mut tally = Tally::default();
        for code in 100..599 {
            tally.count(Outcome::Error, Some(code), None);
        }
        tally.count(Outcome::Error, Some(100), None);
        assert_eq!(tally.requests.len(), CODES_MAX);
        assert_eq!(tally.of(Outcome::Error), 500);
    }
}
