//! Shares and spreads of the faults on requests, as a client counts them.

use crate::figure::Table;
use crate::rig::{Rig, arm, disarm, injection};
use squall_agent::client::Client;
use squall_wire::injection::Injection;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const PORT: u16 = 18_021;
const CONNECTIONS: usize = 8;
/// So many trials that a share is known to a percent point.
const TRIALS: usize = 10_000;
const ROUNDS: usize = 3;
/// Shares asked for, in percent.
const SHARES: [f64; 3] = [1.0, 10.0, 50.0];
/// The two-sided 99 % quantile of the normal distribution.
const Z_99: f64 = 2.576;
/// Delays of each distribution, and their mean.
const DELAYS: usize = 2_000;
const MEAN_MS: f64 = 10.0;

pub(crate) fn run(table: &mut Table) {
    let rig = Rig::start(PORT);
    let mut agent = rig.agent();
    for share in SHARES {
        shares(table, &rig, &mut agent, share);
    }
    for (distribution, jitter) in
        [("uniform", "10ms"), ("normal", "3ms"), ("exponential", "0s"), ("pareto", "0s")]
    {
        let mut means = Vec::new();
        for round in 0..ROUNDS {
            let id = format!("{distribution}-{round}");
            let mean = format!("{MEAN_MS}ms");
            let with =
                [("mean", mean.as_str()), ("jitter", jitter), ("distribution", distribution)];
            let direct = mean_ms(&load(DELAYS / 4, 0));
            arm(&mut agent, seeded(injection(&rig.target(), &id, "http.delay", &with), round));
            let late = mean_ms(&load(DELAYS, 0));
            disarm(&mut agent);
            means.push(late - direct);
        }
        let what = format!("http.delay: mean of {DELAYS} delays, {distribution}");
        table.numbers(&what, "Squall", &format!("{MEAN_MS} ms"), "ms", &means);
    }
}

/// Rounds of one share, chosen by chance and by the id of each request.
fn shares(table: &mut Table, rig: &Rig, agent: &mut Client, percent: f64) {
    let off = Z_99 * (percent * (100.0 - percent) / TRIALS as f64).sqrt();
    let asked = format!("{percent} % ± {off:.2} (99 %)");
    for by in [None, Some("x-request-id")] {
        let mut got = Vec::new();
        for round in 0..ROUNDS {
            let share = format!("{percent}%");
            let mut pairs = vec![("status", "503"), ("share", share.as_str())];
            pairs.extend(by.map(|by| ("by", by)));
            let id = format!("s{percent}-{round}-{}", by.is_some());
            arm(agent, seeded(injection(&rig.target(), &id, "http.abort", &pairs), round));
            let answers = load(TRIALS, round * TRIALS);
            disarm(agent);
            let hit = answers.iter().filter(|(status, _)| *status == 503).count();
            got.push(hit as f64 / answers.len() as f64 * 100.0);
        }
        let chosen = if by.is_some() { "by request id" } else { "by chance" };
        let what = format!("http.abort: share of {TRIALS} requests, {chosen}, {percent} % asked");
        table.numbers(&what, "Squall", &asked, "%", &got);
    }
}

/// The same with dice of its own, and a lease that outlasts a busy machine.
fn seeded(injection: Injection, round: usize) -> Injection {
    Injection { seed: round as u64, lease_ms: 60_000, ..injection }
}

fn mean_ms(answers: &[(u16, Duration)]) -> f64 {
    let total: f64 = answers.iter().map(|(_, took)| took.as_secs_f64()).sum();
    total / answers.len() as f64 * 1e3
}

/// Sends numbered requests over kept connections; returns each one's status and time.
fn load(requests: usize, first: usize) -> Vec<(u16, Duration)> {
    let each = requests / CONNECTIONS;
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|n| std::thread::spawn(move || one_connection(each, first + n * each)))
        .collect();
    workers.into_iter().flat_map(|w| w.join().expect("a worker ends")).collect()
}

fn one_connection(requests: usize, first: usize) -> Vec<(u16, Duration)> {
    let stream = TcpStream::connect(("127.0.0.1", PORT)).expect("the server listens");
    stream.set_nodelay(true).expect("an option can be set");
    let mut writer = stream.try_clone().expect("a handle can be copied");
    let mut reader = BufReader::new(stream);
    let mut answers = Vec::with_capacity(requests);
    for n in first..first + requests {
        let start = Instant::now();
        let request = format!("GET / HTTP/1.1\r\nHost: bench\r\nX-Request-Id: order-{n}\r\n\r\n");
        writer.write_all(request.as_bytes()).expect("a request can be sent");
        let (mut status, mut length, mut line) = (0, 0, String::new());
        while line != "\r\n" {
            line.clear();
            let read = reader.read_line(&mut line).expect("an answer comes");
            assert!(read > 0, "the connection stays");
            let lower = line.to_ascii_lowercase();
            if let Some(rest) = lower.strip_prefix("http/1.1 ") {
                status = rest.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
            } else if let Some(rest) = lower.strip_prefix("content-length:") {
                length = rest.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body comes");
        answers.push((status, start.elapsed()));
    }
    answers
}
