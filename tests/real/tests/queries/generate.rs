//! Random queries that both sides understand: classic PromQL as Debian's Prometheus 2.42 has it.
//!
//! Two kinds are left out, because their answer hangs on the last bit of a sum, which the two may
//! add up in another order: rounding or comparing numbers that were computed, and the largest few
//! of numbers that may be equal. A third is the date of what is no number: Go leaves open what that
//! is. Functions that Debian's version does not have are held against Prometheus' own scripts
//! instead.

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A source of queries.
pub(crate) struct Queries(StdRng);

const GAUGES: &[&str] = &["depth", "limit", "odd"];
const LABELS: &[&str] = &["job", "pod", "code"];
const RANGES: &[&str] = &["1m", "5m", "90s", "10m", "20s", "25m"];
/// Functions that a gauge near zero would bring to where Prometheus 2 and 3 differ.
const OF_COUNTERS: &[&str] = &["rate", "increase"];
const OVER_RANGE: &[&str] = &[
    "delta",
    "irate",
    "idelta",
    "changes",
    "resets",
    "deriv",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "count_over_time",
    "last_over_time",
    "present_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "absent_over_time",
];
const OF_NUMBERS: &[&str] = &[
    "abs", "exp", "ln", "log2", "log10", "sqrt", "deg", "rad", "sin", "cos", "tan", "asin", "acos",
    "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "-",
];
const OF_SAMPLES: &[&str] = &["ceil", "floor", "sgn", "round", "timestamp", "sort", "sort_desc"];
const DATES: &[&str] = &[
    "minute",
    "hour",
    "month",
    "year",
    "day_of_week",
    "day_of_month",
    "day_of_year",
    "days_in_month",
];
const AGGREGATIONS: &[&str] = &["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"];

impl Queries {
    pub(crate) fn new(seed: u64) -> Queries {
        Queries(StdRng::seed_from_u64(seed))
    }

    pub(crate) fn next_query(&mut self) -> String {
        let depth = self.0.random_range(1..4);
        match self.0.random_range(0..20) {
            0 => self.scalar(depth),
            1 => self.range(0),
            _ => self.vector(depth),
        }
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.0.random_range(0..of.len())]
    }

    fn some_labels(&mut self) -> String {
        let some: Vec<&str> = LABELS.iter().copied().filter(|_| self.0.random_bool(0.5)).collect();
        some.join(", ")
    }

    /// Conditions on labels, most of which some series meet.
    fn matchers(&mut self) -> String {
        let all = [
            "",
            "",
            "",
            r#"{job="shop"}"#,
            r#"{job!="shop"}"#,
            r#"{pod=~"a|b"}"#,
            r#"{pod!~"a.*"}"#,
            r#"{code=~"5..|404"}"#,
            r#"{code=""}"#,
            r#"{pod=~".+",job=~"s.*"}"#,
            r#"{job="none"}"#,
        ];
        self.one(&all).to_owned()
    }

    fn shift(&mut self) -> String {
        match self.0.random_range(0..10) {
            0 => " offset 5m".to_owned(),
            1 => " offset -45s".to_owned(),
            2 => " @ 1700001002".to_owned(),
            3 => " @ end() offset 1m".to_owned(),
            _ => String::new(),
        }
    }

    /// The newest samples of a metric.
    fn samples(&mut self) -> String {
        let metric = self.one(&["requests_total", "depth", "limit", "odd", "seconds_bucket"]);
        format!("{metric}{}{}", self.matchers(), self.shift())
    }

    fn gauges(&mut self) -> String {
        format!("{}{}{}", self.one(GAUGES), self.matchers(), self.shift())
    }

    fn range(&mut self, depth: u32) -> String {
        let range = self.one(RANGES);
        if depth > 0 && self.0.random_bool(0.2) {
            let step = self.one(&["10s", "30s", "45s", "1m"]);
            return format!("({})[{range}:{step}]{}", self.vector(depth - 1), self.shift());
        }
        let metric = self.one(&["requests_total", "requests_total", "depth", "limit", "odd"]);
        format!("{metric}{}[{range}]{}", self.matchers(), self.shift())
    }

    fn scalar(&mut self, depth: u32) -> String {
        let number = || ["0", "1", "2.5", "-3", "1e3", "0.37", "Inf", "NaN", "60"];
        match self.0.random_range(0..8) {
            0 => "time()".to_owned(),
            1 => "pi()".to_owned(),
            2 if depth > 0 => format!("scalar(sum({}))", self.vector(depth - 1)),
            3 if depth > 0 => {
                let op = self.one(&["+", "-", "*", "/", "^"]);
                format!("({} {op} {})", self.scalar(depth - 1), self.scalar(0))
            }
            _ => self.one(&number()).to_owned(),
        }
    }

    fn vector(&mut self, depth: u32) -> String {
        let Some(below) = depth.checked_sub(1) else { return self.samples() };
        match self.0.random_range(0..22) {
            0 => self.samples(),
            1 | 2 => {
                let (range, matchers) = (self.one(RANGES), self.matchers());
                let (what, shift) = (self.one(OF_COUNTERS), self.shift());
                format!("{what}(requests_total{matchers}[{range}]{shift})")
            }
            3..=5 => format!("{}({})", self.one(OVER_RANGE), self.range(below)),
            6 => format!("quantile_over_time({}, {})", self.quantile(), self.range(below)),
            7 => format!("predict_linear({}, {})", self.range(below), self.scalar(0)),
            8 | 9 => format!("{}({})", self.one(OF_NUMBERS), self.vector(below)),
            10 if self.0.random_bool(0.3) => {
                let metric = self.one(&["requests_total", "timestamp(depth)", "limit"]);
                format!("{}({metric})", self.one(DATES))
            }
            10 => format!("{}({})", self.one(OF_SAMPLES), self.samples()),
            11..=13 => self.aggregation(below),
            14 => self.few(),
            15 => self.quantiles(),
            16 | 17 => self.arithmetic(below),
            18 => self.comparison(),
            19 => self.sets(below),
            20 => self.labels(below),
            _ => self.rest(below),
        }
    }

    fn quantile(&mut self) -> &'static str {
        self.one(&["0.5", "0.9", "0", "1", "-1", "2", "0.999"])
    }

    fn grouping(&mut self) -> String {
        let labels = self.some_labels();
        match self.0.random_range(0..3) {
            0 => String::new(),
            1 => format!(" by ({labels})"),
            _ => format!(" without ({labels})"),
        }
    }

    fn aggregation(&mut self, depth: u32) -> String {
        let by = self.grouping();
        if self.0.random_bool(0.1) {
            return format!("quantile{by} ({}, {})", self.quantile(), self.vector(depth));
        }
        if self.0.random_bool(0.1) {
            return format!("count_values{by} (\"value\", {})", self.samples());
        }
        format!("{}{by} ({})", self.one(AGGREGATIONS), self.vector(depth))
    }

    fn few(&mut self) -> String {
        let op = self.one(&["topk", "bottomk"]);
        let metric = self.one(&["depth", "limit"]);
        format!("{op}{} (2, {metric}{})", self.grouping(), self.matchers())
    }

    fn quantiles(&mut self) -> String {
        let by = self.one(&["by (le)", "by (le, job)", "without (pod)"]);
        let range = self.one(RANGES);
        let rate = format!("sum {by} (rate(seconds_bucket{}[{range}]))", self.matchers());
        format!("histogram_quantile({}, {rate})", self.quantile())
    }

    fn arithmetic(&mut self, depth: u32) -> String {
        let op = self.one(&["+", "-", "*", "/", "^", "atan2"]);
        match self.0.random_range(0..5) {
            0 => format!("({}) {op} {}", self.vector(depth), self.scalar(depth)),
            1 => format!("{} {op} ({})", self.scalar(depth), self.vector(depth)),
            2 => {
                let (left, right) = (self.gauges(), self.gauges());
                let on = self.one(&["", "on (job, pod)", "ignoring (code)"]);
                format!("{left} {op} {on} {right}")
            }
            3 => {
                let side = self.one(&["group_left", "group_right"]);
                let (many, one) = (
                    format!("rate(requests_total{}[5m])", self.matchers()),
                    format!("depth{}", self.matchers()),
                );
                let (left, right) = if side == "group_left" { (many, one) } else { (one, many) };
                format!("{left} {op} on (job, pod) {side}() {right}")
            }
            _ => {
                let labels = self.one(&["job", "pod", "job, pod"]);
                let (left, right) = (self.vector(depth), self.vector(depth));
                format!("sum by ({labels}) ({left}) {op} max by ({labels}) ({right})")
            }
        }
    }

    fn comparison(&mut self) -> String {
        let op = self.one(&["==", "!=", ">", "<", ">=", "<="]);
        let bool = self.one(&["", "bool "]);
        if self.0.random_bool(0.5) {
            return format!("{} {op} {bool}{}", self.samples(), self.scalar(0));
        }
        format!("{} {op} {bool}on (job, pod) {}", self.gauges(), self.gauges())
    }

    fn sets(&mut self, depth: u32) -> String {
        let op = self.one(&["and", "or", "unless"]);
        let on = self.one(&["", "on (job)", "on (job, pod)", "ignoring (code)", "on ()"]);
        format!("({}) {op} {on} ({})", self.vector(depth), self.vector(depth))
    }

    fn labels(&mut self, depth: u32) -> String {
        let inner = self.vector(depth);
        match self.0.random_range(0..3) {
            0 => format!(r#"label_replace({inner}, "new", "$1-x", "pod", "(.).*")"#),
            1 => format!(r#"label_replace({inner}, "job", "", "pod", "(a|none)")"#),
            _ => format!(r#"label_join({inner}, "new", "/", "job", "pod", "none")"#),
        }
    }

    fn rest(&mut self, depth: u32) -> String {
        match self.0.random_range(0..6) {
            0 => format!("vector({})", self.scalar(depth)),
            1 => format!("absent({})", self.samples()),
            2 => format!("clamp({}, {}, {})", self.samples(), self.scalar(0), self.scalar(0)),
            3 => format!("clamp_min({}, {})", self.samples(), self.scalar(0)),
            4 => format!("clamp_max({}, {})", self.samples(), self.scalar(0)),
            _ => format!("round({}, {})", self.samples(), self.one(&["0.1", "10", "0.25"])),
        }
    }
}
