//! What an agent costs while nothing is armed.

use crate::figure::Table;
use crate::rig::{Rig, arm, disarm, injection};
use std::time::{Duration, Instant};

const WATCH: Duration = Duration::from_secs(5);
const SETTLE: Duration = Duration::from_secs(2);

/// A fault of every mechanism that leaves something loaded or running behind it in the agent.
const USED: &[(&str, &[(&str, &str)])] = &[
    ("process.pause", &[]),
    ("cpu.load", &[("percent", "20%")]),
    ("net.refuse", &[]),
    ("net.partition", &[]),
    ("net.reset", &[]),
    ("net.delay", &[("mean", "5ms")]),
    ("net.loss", &[("share", "10%")]),
    ("dns.delay", &[("mean", "5ms")]),
    ("tls.alert", &[]),
    ("http.delay", &[("mean", "5ms")]),
    ("http.abort", &[]),
    ("grpc.status", &[("code", "UNAVAILABLE")]),
];

pub(crate) fn run(table: &mut Table) {
    let rig = Rig::start(18_008);
    let mut agent = rig.agent();
    let pid = agent.greeting().pid;
    let watchdog = agent.greeting().watchdog;
    // What an agent does at its start is not what it does at rest.
    std::thread::park_timeout(SETTLE);
    let (before, start) = (cpu_ns(pid) + cpu_ns(watchdog), Instant::now());
    while start.elapsed() < WATCH {
        std::thread::park_timeout(WATCH.saturating_sub(start.elapsed()));
    }
    let used = (cpu_ns(pid) + cpu_ns(watchdog)).saturating_sub(before) as f64 / 1e6;
    table.numbers("agent at rest, RSS", "Squall", "≤ 15 MB", "MB", &[rss_mb(pid)]);
    table.numbers("watchdog at rest, RSS", "Squall", "–", "MB", &[rss_mb(watchdog)]);
    table.numbers("agent and watchdog, CPU in 5 s", "Squall", "0", "ms", &[used]);
    let target = rig.target();
    for (fault, with) in USED {
        arm(&mut agent, injection(&target, &format!("{fault}-used"), fault, with));
        disarm(&mut agent);
    }
    std::thread::park_timeout(SETTLE);
    let what = format!("agent after {} faults of all mechanisms, RSS", USED.len());
    table.numbers(&what, "Squall", "≤ 15 MB", "MB", &[rss_mb(pid)]);
}

fn rss_mb(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kb = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
    kb.unwrap_or(f64::NAN) / 1024.0
}

/// Processor time of all threads in nanoseconds. Ticks of 10 ms would round a microsecond up.
fn cpu_ns(pid: u32) -> u64 {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    let one = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    threads.flatten().filter_map(one).sum()
}
