//! The data: pages of counters as a target shows them, and the rules over them.

use std::fmt::Write as _;

/// Series of one rule: instances × paths × results.
pub(super) const INSTANCES: usize = 10;
const PATHS: usize = 5;
const CODES: [&str; 2] = ["200", "500"];
/// The time between two scrapes.
pub(super) const STEP_MS: i64 = 15_000;

/// How long after the last page rules are evaluated: a range of five minutes then begins between
/// two pages. Prometheus 2 counts a sample at a range's very beginning, Prometheus 3 and Squall do
/// not.
pub(super) const AFTER_MS: i64 = 5_000;

/// Returns a rule's query.
pub(super) fn rule(n: usize) -> String {
    let job = format!("svc-{n}");
    format!(
        "sum(rate(http_requests_total{{job=\"{job}\",code!~\"5..\"}}[5m])) / \
         sum(rate(http_requests_total{{job=\"{job}\"}}[5m]))"
    )
}

/// Counters that grow by an amount with noise of its own at each scrape.
pub(super) struct Counters {
    seed: u64,
    values: Vec<u64>,
    series: Vec<String>,
}

impl Counters {
    pub(super) fn new(rules: usize) -> Counters {
        let mut series = Vec::new();
        for rule in 0..rules {
            for instance in 0..INSTANCES {
                for path in 0..PATHS {
                    for code in CODES {
                        series.push(format!(
                            "http_requests_total{{job=\"svc-{rule}\",instance=\"10.0.{rule}.\
                             {instance}:8080\",path=\"/api/v1/resource/{path}\",code=\"{code}\"}}"
                        ));
                    }
                }
            }
        }
        Counters { seed: 7, values: vec![0; series.len()], series }
    }

    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Returns the next page; with times where they are asked for.
    pub(super) fn page(&mut self, t_ms: Option<i64>) -> String {
        let mut out = String::with_capacity(self.series.len() * 120);
        out.push_str("# TYPE http_requests_total counter\n");
        for at in 0..self.series.len() {
            let usual = if at % 2 == 0 { 1500 } else { 3 };
            self.values[at] += self.noisy(usual);
            let _ = write!(out, "{} {}", self.series[at], self.values[at]);
            if let Some(t_ms) = t_ms {
                let _ = write!(out, " {t_ms}");
            }
            out.push('\n');
        }
        out
    }

    /// A number about as far from the usual one as a Poisson count is.
    fn noisy(&mut self, usual: u64) -> u64 {
        let spread = (usual as f64).sqrt();
        let sum: f64 = (0..4).map(|_| self.uniform() - 0.5).sum();
        (usual as f64 + sum * spread * 3f64.sqrt()).round().max(0.0) as u64
    }

    fn uniform(&mut self) -> f64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) as f64 / (1_u64 << 53) as f64
    }
}
