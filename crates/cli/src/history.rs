//! What earlier runs of the same experiment measured, from the records they left.

use squall_plan::History;
use squall_report::{Record, read};
use squall_spec::units::Duration;
use squall_wire::record::{Event, IndicatorVerdict, Phase, Started, Unit, Verdict};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Records looked at, newest first: a plan should not take longer the more one has run.
const RECORDS_MAX: usize = 20;
/// A longer record is passed over; an hour of samples is less.
const RECORD_BYTES_MAX: u64 = 2 << 20;

/// Reads the records below a folder; what cannot be read is left out. `None` where there is none.
pub(crate) fn of(folder: &Path, experiment: &str, since_unix_ms: i64) -> Option<History> {
    let records = newest(folder).into_iter().filter_map(|path| {
        let record = read(&std::fs::read(path).ok()?).ok()?;
        (record.started.experiment == experiment).then_some(record)
    });
    let mut history: Option<History> = None;
    for record in records.filter(|r| r.lines.first().is_some_and(|l| l.at_unix_ms >= since_unix_ms))
    {
        let first = history.is_none();
        let history = history.get_or_insert_with(History::default);
        if first {
            history.baseline_bad = baseline_bad(&record);
        }
        let spent_ms = history.spent.as_millis() + spent_ms(&record);
        history.spent = Duration::from_millis(spent_ms);
    }
    history
}

fn newest(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let path = entry.path().join("record.jsonl");
            let meta = path.metadata().ok()?;
            (meta.len() <= RECORD_BYTES_MAX).then_some((meta.modified().ok()?, path))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().take(RECORDS_MAX).map(|(_, path)| path).collect()
}

/// The share of bad events in the baseline, of every indicator whose events were counted.
fn baseline_bad(record: &Record) -> BTreeMap<String, f64> {
    let mut sums = vec![(0_u64, 0_u64); record.started.indicators.len()];
    for line in &record.lines {
        let Event::Sample(sample) = &line.event else { continue };
        if sample.phase != Phase::Baseline {
            continue;
        }
        for (sum, reading) in sums.iter_mut().zip(&sample.readings) {
            sum.0 += reading.total.unwrap_or(0);
            sum.1 += reading.bad_least.unwrap_or(0);
        }
    }
    let named = record.started.indicators.iter().zip(sums).filter(|(_, (total, _))| *total > 0);
    named.map(|(i, (total, bad))| (i.name.clone(), bad as f64 / total as f64)).collect()
}

/// What a run cost, as time of full outage, by the indicator that it cost most.
fn spent_ms(record: &Record) -> u64 {
    let verdict = record.lines.iter().rev().find_map(|line| match &line.event {
        Event::Verdict(verdict) => Some(verdict),
        _ => None,
    });
    let held = record.lines.iter().filter(
        |line| matches!(&line.event, Event::Sample(sample) if sample.phase == Phase::Holding),
    );
    let held_ms = held.count() as u64 * record.started.every_ms;
    verdict.map_or(0, |verdict| worst_share(&record.started, verdict) * held_ms / 1_000_000)
}

/// The largest share of events lost above what the bound allows, in millionths.
fn worst_share(started: &Started, verdict: &Verdict) -> u64 {
    let shares = started.indicators.iter().zip(&verdict.indicators);
    let excess = shares.filter(|(i, _)| i.unit == Unit::Share).filter_map(
        |(indicator, IndicatorVerdict { bad_share, .. })| {
            Some((bad_share.as_ref()? - indicator.bad_share?).max(0.0))
        },
    );
    (excess.fold(0.0, f64::max) * 1e6) as u64
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use serde_json::{Value, json};

    fn line(seq: u64, event: Value) -> String {
        let line = json!({"v": 1, "seq": seq, "at_unix_ms": 5_000, "t_ms": null, "event": event});
        format!("{line}\n")
    }

    fn sample(phase: &str, total: u64, bad: u64) -> Value {
        json!({"sample": {"index": 0, "phase": phase, "readings": [{
            "value": null, "query_value": null, "total": total, "bad_least": bad,
            "bad_most": bad, "gap": null, "anomalous": false, "interval": null, "e": null}]}})
    }

    fn record(experiment: &str) -> String {
        let started = json!({"started": {
            "run": "r", "experiment": experiment, "labels": {}, "hypothesis": "h", "file": "",
            "squall": "0", "host": "", "seed": 1, "sources": [], "consecutive": 2,
            "every_ms": 1_000, "literal": false, "false_alarm": 0.01, "baseline_ms": 1_000,
            "hold_ms": 2_000, "recovery_ms": 0, "lease_ms": 5_000, "injections": [],
            "spared": [], "radius": "", "indicators": [{
                "name": "success", "query": "q", "expect": ">= 99%", "unit": "share",
                "bound": 0.99, "at_least": true, "bad_share": 0.01, "bad_word": "failed"}]}});
        let verdict = json!({"verdict": {
            "word": "refuted", "sentence": "", "exit": 1, "aborted": null, "restored": true,
            "advice": [], "excess_bad": 0, "indicators": [{
                "outcome": "fail", "baseline": null, "worst": null, "bad_share": 0.51,
                "interval": null, "total": 200, "bad": 102, "strikes": 2, "e": null, "gaps": 0,
                "text": ""}]}});
        line(0, started)
            + &line(1, sample("baseline", 1_000, 3))
            + &line(2, sample("holding", 100, 51))
            + &line(3, sample("holding", 100, 51))
            + &line(4, verdict)
    }

    #[test]
    fn the_last_baseline_and_what_all_runs_cost() {
        let folder = std::env::temp_dir().join(format!("squall-history-{}", std::process::id()));
        for (run, name) in [("a", "mine"), ("b", "mine"), ("c", "other")] {
            std::fs::create_dir_all(folder.join(run)).unwrap();
            std::fs::write(folder.join(run).join("record.jsonl"), record(name)).unwrap();
        }
        let history = of(&folder, "mine", 0).unwrap();
        assert_eq!(history.baseline_bad, BTreeMap::from([("success".to_owned(), 0.003)]));
        // Twice two seconds with half of the requests lost.
        assert_eq!(history.spent.as_millis(), 2_000);
        assert_eq!(of(&folder, "mine", 6_000), None, "older than the period");
        assert_eq!(of(&folder, "none", 0), None);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
