//! A small server to hurt: it answers HTTP on one port, dials another without end, and says how
//! that went under `/stats` and, for a scraper, `/metrics`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Between two dials: some hundred a second, enough to see a refusal at once.
const DIAL_EVERY: Duration = Duration::from_millis(3);

/// The CPU time that `/work` takes.
const WORK_NS: u64 = 40_000_000;

#[derive(Default)]
struct Stats {
    dialed: AtomicU64,
    refused: AtomicU64,
}

pub(crate) fn main(serve: &str, dial: &str) -> ExitCode {
    let (Ok(server), Ok(backend)) = (TcpListener::bind(serve), TcpListener::bind(dial)) else {
        return ExitCode::FAILURE;
    };
    let stats = Arc::new(Stats::default());
    // The backend only accepts: what is measured is the dialing.
    thread::spawn(move || backend.incoming().for_each(drop));
    let (counted, address) = (stats.clone(), dial.to_owned());
    thread::spawn(move || {
        loop {
            let counter = match TcpStream::connect(&address) {
                Ok(_) => &counted.dialed,
                Err(_) => &counted.refused,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            thread::sleep(DIAL_EVERY);
        }
    });
    for stream in server.incoming().flatten() {
        let stats = stats.clone();
        // Without a thread to spare this connection is closed, and the next one may do better.
        drop(thread::Builder::new().spawn(move || answer(&stream, &stats)));
    }
    ExitCode::SUCCESS
}

/// The same under a supervisor that starts it again whenever it ends.
pub(crate) fn supervise(serve: &str, dial: &str) -> ExitCode {
    let Ok(own) = std::env::current_exe() else { return ExitCode::FAILURE };
    loop {
        let mut command = Command::new(&own);
        command.args(["target", serve, dial, "--leashed"]).stdin(Stdio::piped());
        let Ok(mut child) = command.spawn() else { return ExitCode::FAILURE };
        let leash = child.stdin.take();
        if child.wait().is_err() {
            return ExitCode::FAILURE;
        }
        drop(leash);
    }
}

/// Ends this process with its supervisor.
pub(crate) fn leash() {
    thread::spawn(|| {
        let _closed = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
}

/// Uses CPU time, however long the kernel lets that take.
fn work() {
    let used_ns = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        text.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(u64::MAX)
    };
    let start = used_ns();
    while used_ns().saturating_sub(start) < WORK_NS {
        let _sum = std::hint::black_box((0..10_000_u64).fold(0, u64::wrapping_add));
    }
}

fn answer(stream: &TcpStream, stats: &Stats) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    loop {
        let request = lines.next()?.ok()?;
        while !lines.next()?.ok()?.is_empty() {}
        let body = if request.contains(" /stats ") {
            let (dialed, refused) = (&stats.dialed, &stats.refused);
            format!("{} {}", dialed.load(Ordering::Relaxed), refused.load(Ordering::Relaxed))
        } else if request.contains(" /metrics ") {
            let (dialed, refused) = (&stats.dialed, &stats.refused);
            format!(
                "# TYPE dials_total counter\ndials_total{{result=\"ok\"}} {}\ndials_total{{result=\"refused\"}} {}\n",
                dialed.load(Ordering::Relaxed),
                refused.load(Ordering::Relaxed)
            )
        } else {
            if request.contains(" /work ") {
                work();
            }
            "hello".to_owned()
        };
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length:";
        let mut writer = stream;
        writer.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).ok()?;
    }
}
