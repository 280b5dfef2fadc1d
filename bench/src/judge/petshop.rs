//! Owns the ranking on PetShop: which service is the root cause of a real issue.
//!
//! `PETSHOP` names the data's folder; without it the shared data are read. Every folder below it
//! that holds a `target.json` is an issue, so other splits are tried by naming their folder.

use super::bootstrap::Shares;
use super::csv;
use squall_judge::attribution::rank::rank;
use squall_judge::attribution::{Measure, Point, Service, ServiceMap, Signal};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Rows that say what a column is.
const HEADS: usize = 4;
/// Seconds of one row, and how long after the alarm an issue is looked at.
const STEP_S: i64 = 300;
const AFTER_S: i64 = 600;
/// Seconds between the fault-free days and an issue once they are put on one clock.
const APART_S: f64 = 86_400.0;

/// The report, or why there is none.
pub(crate) fn report() -> String {
    let root = std::env::var_os("PETSHOP")
        .map_or_else(|| PathBuf::from("../shared/data/petshop"), PathBuf::from);
    let mut issues = Vec::new();
    find(&root, &mut issues);
    issues.sort();
    if issues.is_empty() {
        return format!("\nPetShop: skipped, no issue under {}\n", root.display());
    }
    let mut by_traffic: Vec<(String, Shares, Shares)> = Vec::new();
    for issue in &issues {
        let group = group(&root, issue);
        let place = match place(issue) {
            Ok(place) => place,
            Err(why) => return format!("\nPetShop: {}: {why}\n", issue.display()),
        };
        for name in [group, "all".to_string()] {
            let at = by_traffic.iter().position(|g| g.0 == name).unwrap_or_else(|| {
                by_traffic.push((name, Shares::default(), Shares::default()));
                by_traffic.len() - 1
            });
            let within = |k: usize| f64::from(u8::from(place.is_some_and(|p| p < k)));
            by_traffic[at].1.add(within(1), 1.0);
            by_traffic[at].2.add(within(3), 1.0);
        }
    }
    let mut out = String::from(
        "\n### PetShop, root cause ranking\n\n| issues | n | top-1 | top-3 |\n| --- | ---: | --- | --- |\n",
    );
    by_traffic.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, first, third) in by_traffic {
        let _ =
            writeln!(out, "| {name} | {} | {} | {} |", first.whole(), first.text(), third.text());
    }
    out
}

fn find(folder: &Path, issues: &mut Vec<PathBuf>) {
    if folder.join("target.json").exists() {
        issues.push(folder.to_path_buf());
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            find(&entry.path(), issues);
        }
    }
}

fn group(root: &Path, issue: &Path) -> String {
    let inside = issue.strip_prefix(root).unwrap_or(issue);
    let parts: Vec<_> = inside.iter().map(|p| p.to_string_lossy().into_owned()).collect();
    parts[..parts.len().saturating_sub(1)].join("/")
}

/// The root cause's place in the ranking, from 0.
fn place(issue: &Path) -> Result<Option<usize>, String> {
    let text = std::fs::read_to_string(issue.join("target.json")).map_err(|e| e.to_string())?;
    let target: serde_json::Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let node = target["target"]["node"].as_str().ok_or("no target node")?;
    let at_s = target["target"]["timestamp"].as_i64().ok_or("no timestamp")?;
    let root = target["root_cause"]["node"].as_str().ok_or("no root cause")?;
    let asked = target["target"]["metric"].as_str();
    let near = |name: &str| issue.ancestors().map(|up| up.join(name)).find(|path| path.exists());
    let map = near("graph.csv").map(|path| map(&path)).transpose()?;
    // An issue's own table is 25 minutes: what is usual comes from the fault-free days.
    let table = csv::read(&issue.join("metrics.csv"))?;
    let calm = near("noissue/metrics.csv").map(|path| csv::read(&path)).transpose()?;
    let calm = calm.unwrap_or_default();
    let shift_s = match (
        table.get(HEADS).and_then(|row| time_s(row)),
        calm.last().and_then(|row| time_s(row)),
    ) {
        (Some(first), Some(last)) => first - last - APART_S,
        _ => 0.0,
    };
    let mut services = services(&calm, asked, shift_s);
    join(&mut services, self::services(&table, asked, 0.0));
    services.iter_mut().for_each(count_failures);
    let services = with_views(services, map.as_ref());
    // A row's time is the beginning of its five minutes.
    let window = ((at_s - STEP_S) * 1_000 + 1, (at_s + AFTER_S) * 1_000);
    let about = asked.map(measure);
    let ranked = rank(&services, map.as_ref(), (node, about), window);
    Ok(ranked.iter().position(|r| r.service == root))
}

fn time_s(row: &[String]) -> Option<f64> {
    csv::number(row.first()?)
}

/// Adds the points of some services to the same series of others.
fn join(services: &mut Vec<Service>, more: Vec<Service>) {
    for service in more {
        let Some(known) = services.iter_mut().find(|s| s.name == service.name) else {
            services.push(service);
            continue;
        };
        for signal in service.signals {
            match known.signals.iter_mut().find(|s| s.name == signal.name) {
                Some(known) => known.points.extend(signal.points),
                None => known.signals.push(signal),
            }
        }
    }
}

/// Availability is a share in percent of good requests; the judge counts failures.
fn count_failures(service: &mut Service) {
    let asked = service.signals.iter().find(|s| s.measure == Measure::Requests);
    let asked: BTreeMap<i64, f64> = (asked.iter().flat_map(|s| &s.points))
        .filter_map(|p| Some((p.at_ms, p.number()?)))
        .collect();
    for signal in service.signals.iter_mut().filter(|s| s.name.starts_with("availability")) {
        for point in &mut signal.points {
            let total = asked.get(&point.at_ms);
            let good = point.number();
            point.value = good.zip(total).map(|(good, total)| (1.0 - good / 100.0) * total);
        }
    }
    let counts = service.signals.iter().any(|s| s.measure == Measure::Errors);
    service.signals.retain(|s| counts || s.measure != Measure::Requests);
}

/// A remote node tells nothing of itself: its series are what its callers measured.
fn with_views(services: Vec<Service>, map: Option<&ServiceMap>) -> Vec<Service> {
    let (remote, mut own): (Vec<_>, Vec<_>) =
        services.into_iter().partition(|s| s.name.ends_with("_remote"));
    for node in remote {
        let caller = map.and_then(|map| map.callers(&node.name).next().map(str::to_owned));
        let Some(caller) = caller.and_then(|name| own.iter_mut().find(|s| s.name == name)) else {
            own.push(node);
            continue;
        };
        let view = |mut signal: Signal| {
            signal.callee = Some(node.name.clone());
            signal
        };
        caller.signals.extend(node.signals.into_iter().map(view));
    }
    own
}

/// A row calls the columns in which it has a 1.
fn map(path: &Path) -> Result<ServiceMap, String> {
    let rows = csv::read(path)?;
    let (head, rows) = rows.split_first().ok_or("an empty graph")?;
    let mut map = ServiceMap::default();
    for row in rows {
        for (callee, cell) in head.iter().zip(row).skip(1) {
            if csv::number(cell).is_some_and(|v| v > 0.0) {
                map.add(row[0].clone(), callee.clone());
            }
        }
    }
    Ok(map)
}

fn measure(metric: &str) -> Measure {
    match metric {
        "latency" => Measure::Latency,
        "availability" => Measure::Errors,
        "requests" => Measure::Requests,
        m if m.contains("error") || m.contains("fault") => Measure::Errors,
        _ => Measure::Other,
    }
}

/// Reads a table of metrics: header rows for service, metric, statistic and the word that names
/// the column of times, then times in seconds and values. Of a fault-free table's times only
/// their order matters: `shift_s` moves them to before the issue.
fn services(table: &[Vec<String>], asked: Option<&str>, shift_s: f64) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    if table.len() < HEADS + 1 {
        return services;
    }
    for column in 1..table[0].len() {
        let cell = |row: usize| table[row].get(column).map_or("", String::as_str);
        let (name, metric, statistic) = (cell(0), cell(1), cell(2));
        // What the alarm is about says most; other kinds of trouble are for other alarms.
        let about = asked.is_none_or(|asked| asked == metric) || metric == "requests";
        if name.is_empty() || !about {
            continue;
        }
        let points = (table[HEADS..].iter())
            .filter_map(|row| {
                let at_s = csv::number(row.first()?)? + shift_s;
                let value = row.get(column).and_then(|c| csv::number(c));
                Some(Point { at_ms: (at_s * 1e3) as i64, value })
            })
            .collect();
        let name_of = format!("{metric} {statistic}");
        let measure = measure(metric);
        let signal = Signal { name: name_of, measure, callee: None, instance: None, points };
        match services.iter_mut().find(|s| s.name == name) {
            Some(service) => service.signals.push(signal),
            None => services.push(Service { name: name.into(), signals: vec![signal] }),
        }
    }
    services
}
