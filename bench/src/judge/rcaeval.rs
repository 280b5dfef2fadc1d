//! Owns the ranking on RCAEval's layout RE1, for those who have its data: a folder a case, named
//! `SERVICE_FAULT/N`, with `data.csv` (`time,SERVICE_METRIC,…`) and `inject_time.txt`.
//!
//! `RCAEVAL` names the data's folder; without it the part is skipped, since the data is not ours
//! to bring.

use super::bootstrap::Shares;
use super::csv;
use squall_judge::attribution::rank::rank;
use squall_judge::attribution::{Measure, Point, Service, Signal};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The report, or why there is none.
pub(crate) fn report() -> String {
    let Some(root) = std::env::var_os("RCAEVAL").map(PathBuf::from) else {
        return "\nRCAEval: skipped, RCAEVAL names no folder\n".into();
    };
    let mut cases = Vec::new();
    find(&root, &mut cases);
    cases.sort();
    let mut by_fault: Vec<(String, [Shares; 3])> = Vec::new();
    for case in &cases {
        match place(case) {
            Ok((fault, place)) => {
                for name in [fault, "all".into()] {
                    let at = by_fault.iter().position(|f| f.0 == name).unwrap_or_else(|| {
                        by_fault.push((name, Default::default()));
                        by_fault.len() - 1
                    });
                    for (sum, k) in by_fault[at].1.iter_mut().zip([1, 3, 5]) {
                        sum.add(f64::from(u8::from(place.is_some_and(|p| p < k))), 1.0);
                    }
                }
            }
            Err(why) => eprintln!("rcaeval: {}: {why}", case.display()),
        }
    }
    let mut out = String::from(
        "\n### RCAEval, root cause ranking by service\n\n| fault | n | top-1 | top-3 | top-5 |\n| --- | ---: | --- | --- | --- |\n",
    );
    for (fault, [one, three, five]) in by_fault {
        let _ = writeln!(
            out,
            "| {fault} | {} | {} | {} | {} |",
            one.whole(),
            one.text(),
            three.text(),
            five.text()
        );
    }
    out
}

fn find(folder: &Path, cases: &mut Vec<PathBuf>) {
    if folder.join("inject_time.txt").exists() {
        cases.push(folder.to_path_buf());
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            find(&entry.path(), cases);
        }
    }
}

/// The fault, and the true service's place in the ranking.
fn place(case: &Path) -> Result<(String, Option<usize>), String> {
    let name = case.parent().and_then(Path::file_name).ok_or("no name")?.to_string_lossy();
    let (service, fault) = name.rsplit_once('_').ok_or("the folder is not named SERVICE_FAULT")?;
    let text = std::fs::read_to_string(case.join("inject_time.txt")).map_err(|e| e.to_string())?;
    let at_s = csv::number(&text).ok_or("no time in inject_time.txt")? as i64;
    let tables = ["data.csv", "simple_data.csv"].map(|name| case.join(name));
    let table = tables.iter().find(|path| path.exists()).ok_or("no data.csv")?;
    let services = services(&csv::read(table)?);
    let window = (at_s * 1_000, i64::MAX);
    let ranked = rank(&services, None, ("", None), window);
    Ok((fault.to_string(), ranked.iter().position(|r| r.service == service)))
}

fn services(table: &[Vec<String>]) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    let Some((head, rows)) = table.split_first() else { return services };
    let Some(time) = head.iter().position(|h| h == "time") else { return services };
    for (column, title) in head.iter().enumerate().filter(|(i, _)| *i != time) {
        let Some((name, metric)) = title.rsplit_once('_') else { continue };
        let measure = match metric {
            m if m.starts_with("latency") => Measure::Latency,
            m if m.starts_with("error") => Measure::Errors,
            m if m.starts_with("workload") || m.starts_with("load") => Measure::Requests,
            _ => Measure::Resource,
        };
        let points = rows
            .iter()
            .filter_map(|row| {
                let at_ms = (csv::number(row.get(time)?)? * 1e3) as i64;
                Some(Point { at_ms, value: row.get(column).and_then(|c| csv::number(c)) })
            })
            .collect();
        let signal = Signal { name: metric.into(), measure, callee: None, instance: None, points };
        match services.iter_mut().find(|s| s.name == name) {
            Some(service) => service.signals.push(signal),
            None => services.push(Service { name: name.into(), signals: vec![signal] }),
        }
    }
    services
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_read_and_the_service_that_moved_is_first() {
        let mut table = vec![
            "time,cart_cpu,cart_latency-90,pay_cpu,pay_latency-90"
                .split(',')
                .map(String::from)
                .collect::<Vec<_>>(),
        ];
        for t in 0..60 {
            let hit = if t >= 40 { 9.0 } else { 1.0 };
            let row = format!("{t},{},0.1,{hit},0.1", 1.0 + 0.01 * f64::from(t % 3));
            table.push(row.split(',').map(String::from).collect());
        }
        let services = services(&table);
        assert_eq!(services.len(), 2);
        let ranked = rank(&services, None, ("", None), (40_000, i64::MAX));
        assert_eq!(ranked[0].service, "pay");
    }
}
