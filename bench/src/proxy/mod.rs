//! The empty proxy beside Toxiproxy and HAProxy in TCP mode, in front of the same service: requests,
//! bulk, new connections, memory at rest, and what becomes of a half-closed connection.

mod load;
mod subject;

use crate::figure::Table;
use std::time::Duration;
use subject::{Subject, all};

/// Rounds; in each, every figure is taken of every subject, one after the other.
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 16;
/// Requests of one round, over all connections.
const REQUESTS: usize = 16_000;
/// Requests one after the other on one connection.
const ALONE: usize = 2_000;
const BULK_BYTES: u64 = 512 << 20;
const NEW_CONNECTIONS: usize = 1_200;
const IDLE_CONNECTIONS: usize = 2_000;

/// What a peer is held to, as a share of direct; the limits of the first are ours.
const ASKED_REQUESTS: &str = "≥ 0.6";
const ASKED_BULK: &str = "≥ 0.4";
const ASKED_NEW: &str = "≥ 0.5";

/// Measurements of one subject.
#[derive(Default)]
struct Taken {
    requests: Vec<f64>,
    request_cpu_us: Vec<f64>,
    alone: Vec<Duration>,
    added_us: Vec<f64>,
    bulk: Vec<f64>,
    bulk_cpu_s: Vec<f64>,
    new: Vec<f64>,
    new_cpu_us: Vec<f64>,
    idle_kb: Vec<f64>,
    kept_kb: Vec<f64>,
}

pub(crate) fn run(table: &mut Table) {
    load::allow_descriptors();
    load::serve();
    let subjects = all();
    let mut taken: Vec<Taken> = subjects.iter().map(|_| Taken::default()).collect();
    for _ in 0..ROUNDS {
        let mut direct_ns = 0.0;
        for (subject, taken) in subjects.iter().zip(&mut taken) {
            requests(subject, taken);
            alone(subject, taken, &mut direct_ns);
            bulk(subject, taken);
            new(subject, taken);
        }
    }
    for (subject, taken) in subjects.iter().zip(&mut taken) {
        idle(subject, taken);
    }
    print(table, &subjects, &taken);
    for subject in &subjects {
        let half = load::half_close(subject.port);
        eprintln!("  half-close · {}: {half}", subject.name);
    }
}

fn requests(subject: &Subject, taken: &mut Taken) {
    let cpu = subject.cpu();
    let took = load::requests(subject.port, CONNECTIONS, REQUESTS);
    let cpu = subject.cpu().saturating_sub(cpu);
    taken.requests.push(REQUESTS as f64 / took.as_secs_f64());
    taken.request_cpu_us.push(cpu.as_secs_f64() * 1e6 / REQUESTS as f64);
}

fn alone(subject: &Subject, taken: &mut Taken, direct_ns: &mut f64) {
    let mut times = load::alone(subject.port, ALONE);
    times.sort_unstable();
    let median_ns = times[times.len() / 2].as_nanos() as f64;
    if subject.is_direct() {
        *direct_ns = median_ns;
    }
    taken.added_us.push((median_ns - *direct_ns) / 1e3);
    taken.alone.extend(times);
}

fn bulk(subject: &Subject, taken: &mut Taken) {
    let cpu = subject.cpu();
    let took = load::bulk(subject.port, BULK_BYTES);
    let cpu = subject.cpu().saturating_sub(cpu);
    let gigabytes = BULK_BYTES as f64 / 1e9;
    taken.bulk.push(gigabytes / took.as_secs_f64());
    taken.bulk_cpu_s.push(cpu.as_secs_f64() / gigabytes);
}

fn new(subject: &Subject, taken: &mut Taken) {
    let cpu = subject.cpu();
    let took = load::new_connections(subject.port, NEW_CONNECTIONS);
    let cpu = subject.cpu().saturating_sub(cpu);
    taken.new.push(NEW_CONNECTIONS as f64 / took.as_secs_f64());
    taken.new_cpu_us.push(cpu.as_secs_f64() * 1e6 / NEW_CONNECTIONS as f64);
}

fn idle(subject: &Subject, taken: &mut Taken) {
    if subject.is_direct() {
        return;
    }
    let before = subject.memory_kb();
    let open = load::idle(subject.port, IDLE_CONNECTIONS);
    let during = subject.memory_kb();
    drop(open);
    std::thread::sleep(Duration::from_secs(1));
    let after = subject.memory_kb();
    let each = |kb: f64| (kb - before) / IDLE_CONNECTIONS as f64;
    taken.idle_kb.push(each(during));
    taken.kept_kb.push(each(after));
}

fn print(table: &mut Table, subjects: &[Subject], taken: &[Taken]) {
    let Some((direct, _)) = taken.split_first() else { return };
    let each = || subjects.iter().zip(taken);
    let ours = |subject: &Subject, asked| if subject.is_ours() { asked } else { "–" };
    // Rounds are paired: what disturbed one disturbed its neighbor.
    let share = |of: &[f64], direct: &[f64]| -> Vec<f64> {
        of.iter().zip(direct).map(|(of, direct)| of / direct).collect()
    };
    let behind = || each().skip(1);
    for (subject, taken) in each() {
        let name = &subject.name;
        table.numbers("requests/s on 16 connections", name, "–", "", &taken.requests);
    }
    for (subject, taken) in behind() {
        let shares = share(&taken.requests, &direct.requests);
        let asked = ours(subject, ASKED_REQUESTS);
        table.numbers("requests/s, share of direct", &subject.name, asked, "", &shares);
    }
    for (subject, taken) in behind() {
        let asked = ours(subject, "≤ HAProxy's");
        table.numbers("CPU a request", &subject.name, asked, "µs", &taken.request_cpu_us);
    }
    for (subject, taken) in behind() {
        let asked = ours(subject, "≤ 60 µs");
        table.numbers(
            "added to the p50 of one client",
            &subject.name,
            asked,
            "µs",
            &taken.added_us,
        );
    }
    for (subject, taken) in each() {
        table.numbers("bulk on one connection", &subject.name, "–", "GB/s", &taken.bulk);
    }
    for (subject, taken) in behind() {
        let shares = share(&taken.bulk, &direct.bulk);
        let asked = ours(subject, ASKED_BULK);
        table.numbers("bulk, share of direct", &subject.name, asked, "", &shares);
    }
    for (subject, taken) in behind() {
        table.numbers("CPU a GB", &subject.name, "–", "s", &taken.bulk_cpu_s);
    }
    for (subject, taken) in each() {
        table.numbers("new connections/s", &subject.name, "–", "", &taken.new);
    }
    for (subject, taken) in behind() {
        let shares = share(&taken.new, &direct.new);
        let asked = ours(subject, ASKED_NEW);
        table.numbers("new connections/s, share of direct", &subject.name, asked, "", &shares);
    }
    for (subject, taken) in behind() {
        table.numbers("CPU a new connection", &subject.name, "–", "µs", &taken.new_cpu_us);
    }
    for (subject, taken) in behind() {
        let asked = ours(subject, "≤ 6 kB");
        table.numbers("memory an idle connection", &subject.name, asked, "kB", &taken.idle_kb);
    }
    for (subject, taken) in behind() {
        let asked = ours(subject, "0");
        table.numbers("of it kept after its end", &subject.name, asked, "kB", &taken.kept_kb);
    }
}

/// The inner program: an empty proxy, or one with a rule that fits nothing.
pub(crate) fn proxy(words: &[String]) -> std::process::ExitCode {
    subject::proxy(words)
}
