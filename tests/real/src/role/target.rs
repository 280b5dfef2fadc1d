//! A small server to hurt: it answers HTTP on one port, dials another without end, and says how
//! that went under `/stats` and, for a scraper, `/metrics`.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Between two dials: some hundred a second, enough to see a refusal at once.
const DIAL_EVERY: Duration = Duration::from_millis(3);

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
        thread::spawn(move || answer(&stream, &stats));
    }
    ExitCode::SUCCESS
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
            "hello".to_owned()
        };
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length:";
        let mut writer = stream;
        writer.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).ok()?;
    }
}
