//! How exact a delay is: 50 ms and 1 ms asked, next to Toxiproxy, interleaved in one run.

use crate::figure::Table;
use crate::peers;
use crate::rig::{Rig, arm, bite, disarm, injection};
use squall_real::until::until;
use squall_wire::injection::Injection;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const REQUESTS: usize = 5_000;
/// Longer than any batch takes, and one that agents give.
const LEASE_MS: u64 = 30_000;
const CONNECTIONS: usize = 8;
const BATCHES: usize = 5;
const PORT: u16 = 18_006;
const TOXIPROXY_API: u16 = 18_474;
const TOXIPROXY_PORT: u16 = 18_007;

pub(crate) fn run(table: &mut Table) {
    let rig = Rig::start(PORT);
    let mut agent = rig.agent();
    let toxiproxy = peers::toxiproxy().map(|path| Toxiproxy::start(&path));
    if let Err(why) = &toxiproxy {
        eprintln!("  Toxiproxy is not here: {why}");
    }
    for asked_ms in [50_u64, 1] {
        if let Ok(toxiproxy) = &toxiproxy {
            toxiproxy.delay(asked_ms);
        }
        let (mut direct, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        let (mut paced, mut held) = (Vec::new(), Vec::new());
        for batch in 0..BATCHES {
            direct.extend(load(PORT, REQUESTS / BATCHES));
            paced.extend(load_paced(PORT, REQUESTS / BATCHES, Duration::from_millis(asked_ms)));
            let id = format!("d{asked_ms}-{batch}");
            let mean = format!("{asked_ms}ms");
            let delay = injection(&rig.target(), &id, "http.delay", &[("mean", &mean)]);
            // Nobody renews it here, and a batch takes longer than the usual lease.
            arm(&mut agent, Injection { lease_ms: LEASE_MS, ..delay });
            ours.extend(load(PORT, REQUESTS / BATCHES));
            let own = bite(&mut agent, &id);
            held.extend(own.delivered.zip(own.asked).map(|(held, asked)| (held - asked) * 1e3));
            disarm(&mut agent);
            if toxiproxy.is_ok() {
                theirs.extend(load(TOXIPROXY_PORT, REQUESTS / BATCHES));
            }
        }
        table.times("direct round trip", "nothing between", "–", &direct);
        let pace = format!("a request every {asked_ms} ms");
        table.times(&format!("direct round trip, {pace}"), "nothing between", "–", &paced);
        let (base, paced_base) = (median(&direct), median(&paced));
        let off = |times: &[Duration], by: Duration| -> Vec<Duration> {
            times.iter().map(|took| took.abs_diff(by)).collect()
        };
        // What the machine itself adds at this pace: threads and processors that have to wake.
        let what = format!("measured − direct, {pace}");
        table.times(&what, "nothing between", "–", &off(&paced, base));
        let asked = Duration::from_millis(asked_ms);
        let rows = [
            (format!("measured − asked, {asked_ms} ms over HTTP/1.1"), base, "p99 ≤ 0.5 ms"),
            (format!("the same, less the direct round trip of {pace}"), paced_base, "–"),
        ];
        for (what, direct, limit) in rows {
            table.times(&what, "Squall http.delay", limit, &off(&ours, asked + direct));
            if toxiproxy.is_ok() {
                table.times(&what, "Toxiproxy latency", "–", &off(&theirs, asked + direct));
            }
        }
        let what = format!("held − asked by the proxy's own clock, mean of a batch, {asked_ms} ms");
        table.numbers(&what, "Squall http.delay", "–", "µs", &held);
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Sends requests over kept connections and returns each one's time.
fn load(port: u16, requests: usize) -> Vec<Duration> {
    load_paced(port, requests, Duration::ZERO)
}

/// The same with a pause before each request, as long as a delay would take.
fn load_paced(port: u16, requests: usize, pause: Duration) -> Vec<Duration> {
    let each = requests / CONNECTIONS;
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| std::thread::spawn(move || one_connection(port, each, pause)))
        .collect();
    workers.into_iter().flat_map(|w| w.join().expect("a worker ends")).collect()
}

fn one_connection(port: u16, requests: usize, pause: Duration) -> Vec<Duration> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_nodelay(true).expect("an option can be set");
    let mut writer = stream.try_clone().expect("a handle can be copied");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let mut times = Vec::with_capacity(requests);
    for _ in 0..requests {
        if pause > Duration::ZERO {
            std::thread::sleep(pause);
        }
        let start = Instant::now();
        writer.write_all(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n").expect("a request can be sent");
        while line != "\r\n" {
            line.clear();
            let read = reader.read_line(&mut line).expect("an answer comes");
            assert!(read > 0, "the connection stays");
        }
        line.clear();
        let mut body = [0; 2];
        reader.read_exact(&mut body).expect("a body comes");
        times.push(start.elapsed());
    }
    times
}

struct Toxiproxy {
    child: Child,
}

impl Toxiproxy {
    fn start(path: &std::path::Path) -> Toxiproxy {
        let child = Command::new(path)
            .args(["-host", "127.0.0.1", "-port", &TOXIPROXY_API.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("toxiproxy starts");
        let toxiproxy = Toxiproxy { child };
        until("toxiproxy answers", Duration::from_secs(10), || {
            TcpStream::connect(("127.0.0.1", TOXIPROXY_API)).ok()
        });
        toxiproxy.post(
            "/proxies",
            &format!(
                "{{\"name\":\"bench\",\"listen\":\"127.0.0.1:{TOXIPROXY_PORT}\",\
                 \"upstream\":\"127.0.0.1:{PORT}\",\"enabled\":true}}"
            ),
        );
        toxiproxy
    }

    fn delay(&self, ms: u64) {
        let toxic = |name: &str| {
            format!(
                "{{\"name\":\"{name}\",\"type\":\"latency\",\"stream\":\"upstream\",\
                 \"toxicity\":1.0,\"attributes\":{{\"latency\":{ms},\"jitter\":0}}}}"
            )
        };
        self.request("DELETE", "/proxies/bench/toxics/late", "");
        self.post("/proxies/bench/toxics", &toxic("late"));
    }

    fn post(&self, path: &str, body: &str) {
        self.request("POST", path, body);
    }

    fn request(&self, method: &str, path: &str, body: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", TOXIPROXY_API)).expect("it listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("a request can be sent");
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
    }
}

impl Drop for Toxiproxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
