//! A figure: many measurements of one thing as minimum, median and maximum, with what was asked.

use std::fmt::Write as _;
use std::time::Duration;

/// The figures of one run of the program.
pub(crate) struct Table {
    rows: Vec<Row>,
    load_before: String,
}

struct Row {
    what: String,
    who: String,
    min: String,
    median: String,
    p99: String,
    max: String,
    n: usize,
    asked: String,
}

impl Table {
    pub(crate) fn new() -> Table {
        Table { rows: Vec::new(), load_before: load() }
    }

    /// Adds durations, printed in milliseconds. Returns the median.
    pub(crate) fn times(
        &mut self,
        what: &str,
        who: &str,
        asked: &str,
        times: &[Duration],
    ) -> Duration {
        let ms: Vec<f64> = times.iter().map(|t| t.as_secs_f64() * 1e3).collect();
        Duration::from_secs_f64(self.numbers(what, who, asked, "ms", &ms).max(0.0) / 1e3)
    }

    /// Adds numbers of any unit. Returns the median.
    pub(crate) fn numbers(
        &mut self,
        what: &str,
        who: &str,
        asked: &str,
        unit: &str,
        numbers: &[f64],
    ) -> f64 {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| -> Option<f64> {
            let last = sorted.len().checked_sub(1)?;
            sorted.get((last as f64 * share).round() as usize).copied()
        };
        let text = |v: Option<f64>| v.map_or("–".into(), |v| format!("{v:.2} {unit}"));
        let row = Row {
            what: what.into(),
            who: who.into(),
            min: text(at(0.0)),
            median: text(at(0.5)),
            p99: text(at(0.99)),
            max: text(at(1.0)),
            n: sorted.len(),
            asked: asked.into(),
        };
        eprintln!(
            "  {} · {}: min {} median {} p99 {} max {} (n {})",
            row.what, row.who, row.min, row.median, row.p99, row.max, row.n
        );
        self.rows.push(row);
        at(0.5).unwrap_or(f64::NAN)
    }

    /// The table, ready to be kept in `bench/README.md`.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::from(
            "| figure | of | min | median | p99 | max | n | asked |\n\
             | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
        );
        for r in &self.rows {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                r.what, r.who, r.min, r.median, r.p99, r.max, r.n, r.asked
            );
        }
        let _ = writeln!(out, "\nLoad average before {}, after {}.", self.load_before, load());
        out
    }
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
