//! Owns the ranking on PetShop: which service is the root cause of a real issue.
//!
//! `PETSHOP` names the data's folder; without it the shared data are read. Every folder below it
//! that holds a `target.json` is an issue, so other splits are tried by naming their folder.

use super::bootstrap::Shares;
use super::csv;
use squall_judge::attribution::rank::rank;
use squall_judge::attribution::{Measure, Point, Service, ServiceMap, Signal};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// How long around an issue's time its points are: the alarm comes after the issue began.
const WINDOW_S: (i64, i64) = (600, 600);

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
    let table = csv::read(&issue.join("metrics.csv"))?;
    let services = services(&table, target["target"]["metric"].as_str());
    let graph = issue.ancestors().map(|up| up.join("graph.csv")).find(|path| path.exists());
    let map = graph.map(|path| map(&path)).transpose()?;
    let window = ((at_s - WINDOW_S.0) * 1_000, (at_s + WINDOW_S.1) * 1_000);
    let ranked = rank(&services, map.as_ref(), node, window);
    Ok(ranked.iter().position(|r| r.service == root))
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

/// Three header rows (service, metric, statistic), then times in seconds and values.
fn services(table: &[Vec<String>], asked: Option<&str>) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    if table.len() < 4 {
        return services;
    }
    for column in 1..table[0].len() {
        let cell = |row: usize| table[row].get(column).map_or("", String::as_str);
        let (name, metric, statistic) = (cell(0), cell(1), cell(2));
        let (measure, sign) = match metric {
            "latency" => (Measure::Latency, 1.0),
            // A share of good requests falls where things are bad.
            "availability" => (Measure::Errors, -1.0),
            "requests" => (Measure::Requests, 1.0),
            m if m.contains("error") || m.contains("fault") => (Measure::Errors, 1.0),
            _ => (Measure::Other, 1.0),
        };
        // What the alarm is about says most; other kinds of trouble are for other alarms.
        let about = asked.is_none_or(|asked| asked == metric);
        if name.is_empty() || !about {
            continue;
        }
        let points = (table[4..].iter())
            .filter_map(|row| {
                let at_s = csv::number(row.first()?)?;
                let value = row.get(column).and_then(|c| csv::number(c)).map(|v| v * sign);
                Some(Point { at_ms: (at_s * 1e3) as i64, value })
            })
            .collect();
        let name_of = format!("{metric} {statistic}");
        let signal = Signal { name: name_of, measure, callee: None, instance: None, points };
        match services.iter_mut().find(|s| s.name == name) {
            Some(service) => service.signals.push(signal),
            None => services.push(Service { name: name.into(), signals: vec![signal] }),
        }
    }
    services
}
