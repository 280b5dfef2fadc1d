//! Owns the closed-set replay of Nezha's Online Boutique: for each real injection three faults
//! are declared at its time, one of them real or none, and one answer or none is asked for.
//!
//! `NEZHA` names a day's folder, or a folder of days; without it the shared data are read.

use super::bootstrap::Shares;
use super::csv;
use super::world::dice::Stream;
use squall_judge::attribution::rank::{anomaly, rarity};
use squall_judge::attribution::{Measure, Point, Service, Signal};
use std::path::{Path, PathBuf};

/// Draws of decoys for each injection.
const DRAWS: u64 = 20;
/// The share of questions whose true answer is "none".
const ORGANIC: f64 = 0.3;
/// How long an injection lasts, and the delay of one-minute metrics.
const WINDOW_MS: (i64, i64) = (30_000, 240_000);
/// A fault is blamed where its target was as bad in at most this share of earlier windows, and
/// worse than before by this.
const RARE: f64 = 0.1;
const WORSE: f64 = 1.0;

struct Day {
    name: String,
    pods: Vec<Service>,
    injections: Vec<Real>,
}

#[derive(Clone, PartialEq)]
struct Real {
    at_ms: i64,
    pod: String,
    kind: String,
}

/// The report, or why there is none.
pub(crate) fn report() -> String {
    let root = std::env::var_os("NEZHA")
        .map_or_else(|| PathBuf::from("../shared/data/nezha-online-boutique"), PathBuf::from);
    let mut out = String::from(
        "\n### Nezha Online Boutique, closed set\n\n| day | injections | exact | a random pick | \
         most moved target | declared at random |\n| --- | ---: | --- | ---: | ---: | ---: |\n",
    );
    let days = days(&root);
    if days.is_empty() {
        return format!("\nNezha: skipped, no day of it under {}\n", root.display());
    }
    for day in days {
        match load(&day) {
            Ok(day) => out.push_str(&row(&day)),
            Err(why) => out.push_str(&format!("| {} | skipped: {why} | | | | |\n", day.display())),
        }
    }
    out
}

fn days(root: &Path) -> Vec<PathBuf> {
    if list(root).is_some() {
        return vec![root.to_path_buf()];
    }
    let all = std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut days: Vec<PathBuf> = all.filter(|path| list(path).is_some()).collect();
    days.sort();
    days
}

/// A day's list of faults.
fn list(day: &Path) -> Option<PathBuf> {
    let all = std::fs::read_dir(day).ok()?.flatten().map(|entry| entry.path());
    all.into_iter().find(|p| p.to_string_lossy().ends_with("fault_list.json"))
}

fn load(path: &Path) -> Result<Day, String> {
    let list = list(path).ok_or("no list of faults")?;
    let text = std::fs::read_to_string(&list).map_err(|e| e.to_string())?;
    let hours: serde_json::Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let mut injections = Vec::new();
    for fault in hours
        .as_object()
        .into_iter()
        .flat_map(|h| h.values())
        .filter_map(|v| v.as_array())
        .flatten()
    {
        let text = |key: &str| fault[key].as_str().unwrap_or_default().to_string();
        let at_ms = csv::utc_ms(&text("inject_time")).ok_or("an injection without a time")?;
        injections.push(Real { at_ms, pod: text("inject_pod"), kind: text("inject_type") });
    }
    let mut pods = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|e| e.to_string())?.flatten() {
        if entry.path().to_string_lossy().ends_with("_metric.csv") {
            pods.extend(pod(&entry.path())?);
        }
    }
    let pairs = ["source_50.csv", "destination_50.csv"].map(|name| path.join(name));
    for table in pairs.iter().filter(|p| p.exists()) {
        add_pairs(table, &mut pods)?;
    }
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    Ok(Day { name, pods, injections })
}

fn pod(path: &Path) -> Result<Option<Service>, String> {
    let rows = csv::read(path)?;
    let Some((head, rows)) = rows.split_first() else { return Ok(None) };
    let column = |name: &str| head.iter().position(|h| h == name);
    let (Some(time), Some(name)) = (column("Time"), column("PodName")) else { return Ok(None) };
    let Some(service) = rows.first().and_then(|row| row.get(name)).cloned() else {
        return Ok(None);
    };
    let signals = head.iter().enumerate().filter_map(|(i, title)| {
        let measure = match title.as_str() {
            // A node's metrics are everybody's on it.
            t if t.starts_with("Node") => return None,
            t if t.contains("Latency") => Measure::Latency,
            t if t.starts_with("Cpu") || t.starts_with("Memory") || t.starts_with("Network") => {
                Measure::Resource
            }
            "PodWorkload(Ops)" => Measure::Requests,
            _ => return None,
        };
        Some(signal(title, measure, rows, time, i))
    });
    Ok(Some(Service { name: service, signals: signals.collect() }))
}

/// Adds the median latency of calls to the service that is called.
fn add_pairs(path: &Path, pods: &mut [Service]) -> Result<(), String> {
    let rows = csv::read(path)?;
    let Some((head, rows)) = rows.split_first() else { return Ok(()) };
    let Some(time) = head.iter().position(|h| h == "time") else { return Ok(()) };
    for (i, title) in head.iter().enumerate() {
        let Some((from, to)) = title.split_once('_') else { continue };
        for end in [from, to] {
            let of = pods.iter_mut().find(|p| p.name.split('-').next() == Some(end));
            if let Some(service) = of {
                service.signals.push(signal(title, Measure::Latency, rows, time, i));
            }
        }
    }
    Ok(())
}

fn signal(name: &str, measure: Measure, rows: &[Vec<String>], time: usize, at: usize) -> Signal {
    let point = |row: &Vec<String>| {
        let at_ms = csv::utc_ms(row.get(time)?)?;
        Some(Point { at_ms, value: row.get(at).and_then(|cell| csv::number(cell)) })
    };
    let points = rows.iter().filter_map(point).collect();
    Signal { name: name.into(), measure, callee: None, instance: None, points }
}

fn row(day: &Day) -> String {
    let (mut exact, mut moved, mut random) =
        (Shares::default(), Shares::default(), Shares::default());
    for (i, real) in day.injections.iter().enumerate() {
        let (mut hits, mut most, mut lucky) = (0.0, 0.0, 0.0);
        for draw in 0..DRAWS {
            let mut stream = Stream::new(draw * 1_000 + i as u64);
            let organic = stream.chance(ORGANIC);
            let mut declared = if organic { Vec::new() } else { vec![real.clone()] };
            let others: Vec<&Real> =
                day.injections.iter().filter(|other| other.pod != real.pod).collect();
            while declared.len() < 3 && !others.is_empty() {
                let decoy = Real { at_ms: real.at_ms, ..stream.pick(&others).clone() };
                if declared.iter().all(|d| d.pod != decoy.pod) {
                    declared.push(decoy);
                }
            }
            let truth = if organic { None } else { Some(real.pod.as_str()) };
            hits += f64::from(u8::from(answer(day, &declared) == truth));
            most += f64::from(u8::from(loudest(day, &declared) == truth));
            let pick = &declared[stream.whole(0, declared.len() - 1)];
            lucky += f64::from(u8::from(Some(pick.pod.as_str()) == truth));
        }
        exact.add(hits, DRAWS as f64);
        moved.add(most, DRAWS as f64);
        random.add(lucky, DRAWS as f64);
    }
    format!(
        "| {} | {} | {} | {:.3} | {:.3} | 0 |\n",
        day.name,
        day.injections.len(),
        exact.text(),
        random.value(),
        moved.value()
    )
}

/// The declared fault that is blamed, if any.
fn answer<'d>(day: &'d Day, declared: &'d [Real]) -> Option<&'d str> {
    let mut best: Option<(f64, &str)> = None;
    for real in declared {
        let Some(pod) = day.pods.iter().find(|p| p.name == real.pod) else { continue };
        let window = window(real);
        let (Some(score), Some(rare)) =
            (anomaly(pod, window, shows(&real.kind)), rarity(pod, window, shows(&real.kind)))
        else {
            continue;
        };
        if rare > RARE || score < WORSE {
            continue;
        }
        // Rarity first: pods whose metrics jump anyway do not outshout the others.
        let strength = score - rare.ln();
        if best.is_none_or(|(most, _)| strength > most) {
            best = Some((strength, &real.pod));
        }
    }
    best.map(|(_, pod)| pod)
}

/// The declared fault whose target moved most, whatever that means there.
fn loudest<'d>(day: &'d Day, declared: &'d [Real]) -> Option<&'d str> {
    let score = |real: &&Real| {
        let pod = day.pods.iter().find(|p| p.name == real.pod);
        pod.and_then(|pod| anomaly(pod, window(real), None)).unwrap_or(0.0)
    };
    declared.iter().max_by(|a, b| score(a).total_cmp(&score(b))).map(|real| real.pod.as_str())
}

fn window(real: &Real) -> (i64, i64) {
    (real.at_ms + WINDOW_MS.0, real.at_ms + WINDOW_MS.1)
}

/// What a kind of fault shows first.
fn shows(kind: &str) -> Option<Measure> {
    match kind {
        "cpu_contention" | "cpu_consumed" => Some(Measure::Resource),
        "network_delay" => Some(Measure::Latency),
        _ => None,
    }
}
