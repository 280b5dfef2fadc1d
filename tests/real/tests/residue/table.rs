//! The tables of `bench/residue.md` and `docs/safety.md`, from the file of results.

use super::orders::Who;
use serde_json::Value;
use squall_faults::catalog;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Where the documents show the tables.
const BEGIN: &str = "<!-- gen:begin residue -->";
const END: &str = "<!-- gen:end -->";

const WHO: [Who; 8] = [
    Who::Cli,
    Who::Engine,
    Who::Agent,
    Who::Watchdog,
    Who::Both,
    Who::WatchdogRestoring,
    Who::Undo,
    Who::Target,
];

/// Rewrites the tables in both documents below the root of the repository.
pub(super) fn write(root: &Path, ledger: &Path) {
    let text = std::fs::read_to_string(ledger).unwrap();
    let lines: Vec<Value> = text.lines().flat_map(serde_json::from_str).collect();
    let tables = tables(&lines);
    let head = "# Nothing stays: the crash campaign\n\n\
        Made by `cargo xtask bench residue --write`. What it does and what it proves is in \
        [docs/safety.md](../docs/safety.md).\n\n";
    std::fs::write(root.join("bench/residue.md"), format!("{head}{tables}")).unwrap();
    let page = root.join("docs/safety.md");
    let old = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = old.split_once(BEGIN).expect("the page has a place for the tables");
    let (_, after) = rest.split_once(END).expect("the place ends");
    std::fs::write(&page, format!("{before}{BEGIN}\n{tables}{END}{after}")).unwrap();
}

fn tables(lines: &[Value]) -> String {
    let kills: Vec<&Value> = lines.iter().filter(|line| line["order"].is_string()).collect();
    let residue = kills.iter().filter(|line| !line["took_us"].is_u64()).count();
    let cuts: u64 = lines.iter().filter_map(|line| line["cuts"].as_u64()).sum();
    let mut out = format!(
        "**{} kills, residue {residue}**; {cuts} cuts of the journal, residue 0. Two cores, {}, \
         {} build, load average {} at the end.\n\n",
        kills.len(),
        first_words("/proc/version", 3).replace(" version", ""),
        if cfg!(debug_assertions) { "debug" } else { "release" },
        first_words("/proc/loadavg", 3),
    );
    let _ = writeln!(
        out,
        "| who died | kills | restored: p50 | p99 | max | asked |\n| --- | ---: | ---: | ---: | ---: | --- |"
    );
    for who in WHO {
        row(&mut out, who.name(), asked(who), took(&kills, |line| line["who"] == who.name()));
    }
    let kernel: Vec<u64> = kills.iter().filter_map(|line| line["kernel_us"].as_u64()).collect();
    row(&mut out, "agent, kernel's own end of a link", "p99 ≤ 5 ms", kernel);
    let _ = writeln!(out, "\n| at which moment | kills | restored: p50 | p99 | max |  |");
    let _ = writeln!(out, "| --- | ---: | ---: | ---: | ---: | --- |");
    for moment in moments(&kills) {
        let here = took(&kills, |line| moment_of(line) == moment);
        row(&mut out, &moment, "", here);
    }
    let names = WHO.map(Who::name).join(" | ");
    let _ = writeln!(out, "\np50 / max in milliseconds for each fault and who died:\n");
    let _ = writeln!(out, "| fault | dies by | kills | {names} |");
    let _ = writeln!(out, "| --- | --- | ---: {}|", "| ---: ".repeat(WHO.len()));
    for entry in catalog::ALL {
        let about = entry.fault.describe();
        let own: Vec<&Value> =
            kills.iter().filter(|line| line["fault"] == about.name).copied().collect();
        let cell = |who: Who| {
            let times = sorted(took(&own, |line| line["who"] == who.name()));
            match (times.get(times.len() / 2), times.last()) {
                (Some(middle), Some(most)) => format!("{} / {}", ms(*middle), ms(*most)),
                _ => "–".to_owned(),
            }
        };
        let cells = WHO.map(cell).join(" | ");
        let _ =
            writeln!(out, "| {} | {} | {} | {cells} |", about.name, about.death.word(), own.len());
    }
    out.push('\n');
    out
}

fn asked(who: Who) -> &'static str {
    match who {
        Who::Agent => "p99 ≤ 100 ms",
        Who::Both | Who::WatchdogRestoring | Who::Undo => "at the next start",
        _ => "–",
    }
}

fn took(kills: &[&Value], of: impl Fn(&Value) -> bool) -> Vec<u64> {
    kills.iter().filter(|line| of(line)).filter_map(|line| line["took_us"].as_u64()).collect()
}

fn sorted(mut times: Vec<u64>) -> Vec<u64> {
    times.sort_unstable();
    times
}

fn row(out: &mut String, name: &str, asked: &str, times: Vec<u64>) {
    let times = sorted(times);
    let Some(last) = times.len().checked_sub(1) else { return };
    let at = |share: usize| ms(times[(last * share).div_ceil(100)]);
    let _ = writeln!(
        out,
        "| {name} | {} | {} ms | {} ms | {} ms | {asked} |",
        times.len(),
        at(50),
        at(99),
        at(100)
    );
}

/// `agent, arming +4711 µs` was killed while arming.
fn moment_of(line: &Value) -> String {
    let order = line["order"].as_str().unwrap_or_default();
    let (_, when) = order.rsplit_once(", ").unwrap_or_default();
    when.split(" +").next().unwrap_or_default().to_owned()
}

fn moments(kills: &[&Value]) -> Vec<String> {
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    kills.iter().for_each(|line| *all.entry(moment_of(line)).or_default() += 1);
    all.into_keys().collect()
}

fn ms(us: u64) -> String {
    format!("{:.1}", us as f64 / 1e3)
}

fn first_words(path: &str, count: usize) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_ascii_whitespace().take(count).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_kill_is_counted_and_a_residue_is_never_a_time() {
    let line = |who: &str, order: &str, took: Option<u64>| {
        serde_json::json!({
            "fault": "net.loss", "who": who, "order": format!("{who}, {order}"), "took_us": took,
        })
    };
    let lines = [
        line("agent", "armed", Some(2_000)),
        line("agent", "arming +3 µs", Some(4_000)),
        line("target", "at closed", None),
        serde_json::json!({"fault": "net.loss", "cuts": 500}),
    ];
    let text = tables(&lines);
    assert!(text.starts_with("**3 kills, residue 1**; 500 cuts"), "{text}");
    assert!(text.contains("| agent | 2 | 4.0 ms | 4.0 ms | 4.0 ms |"), "{text}");
    assert!(text.contains("| arming | 1 | 4.0 ms"), "{text}");
    assert!(text.contains("| net.loss | kernel link | 3 | – | – | 4.0 / 4.0 |"), "{text}");
}
