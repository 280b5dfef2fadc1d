//! The service behind all subjects, and the load on each.

use rustix::process::{Resource, getrlimit, setrlimit};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// The service.
pub(super) const PORT: u16 = 18_800;
const REQUEST: &[u8] = b"GET /small HTTP/1.1\r\nHost: bench\r\nUser-Agent: squall\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// The first byte of a connection that sends bulk.
const BULK: u8 = b'B';
const CHUNK: usize = 256 << 10;

/// Thousands of idle connections need as many descriptors.
pub(super) fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    setrlimit(Resource::Nofile, raised).expect("a soft limit can be raised");
}

/// Starts the service: a thread a connection, which answers requests or swallows bulk.
pub(super) fn serve() {
    let listener = TcpListener::bind(("127.0.0.1", PORT)).expect("the port is free");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let small = std::thread::Builder::new().stack_size(64 << 10);
            small.spawn(move || answer(stream)).expect("a thread can be made");
        }
    });
}

fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("an option can be set");
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) if bytes[0] == BULK => return swallow(stream),
            Ok(count) => {
                // A request is small and comes whole; others are echoed to their end.
                let reply =
                    if bytes[..count].starts_with(b"GET") { ANSWER } else { &bytes[..count] };
                if stream.write_all(reply).is_err() {
                    return;
                }
            }
        }
    }
}

/// Reads to the end, then tells that it did.
fn swallow(mut stream: TcpStream) {
    let mut bytes = vec![0; CHUNK];
    while stream.read(&mut bytes).is_ok_and(|count| count > 0) {}
    drop(stream.write_all(b"!"));
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the subject listens");
    stream.set_nodelay(true).expect("an option can be set");
    stream
}

fn request(stream: &mut TcpStream) {
    stream.write_all(REQUEST).expect("a request can be sent");
    let mut answer = [0; ANSWER.len()];
    stream.read_exact(&mut answer).expect("an answer comes");
    assert_eq!(answer, ANSWER);
}

/// Requests over some connections at once; returns how long all of them took.
pub(super) fn requests(port: u16, connections: usize, requests: usize) -> Duration {
    let mut streams: Vec<_> = (0..connections).map(|_| connect(port)).collect();
    streams.iter_mut().for_each(request);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for stream in &mut streams {
            scope.spawn(move || (0..requests / connections).for_each(|_| request(stream)));
        }
    });
    began.elapsed()
}

/// Requests one after the other; returns each one's time.
pub(super) fn alone(port: u16, requests: usize) -> Vec<Duration> {
    let mut stream = connect(port);
    request(&mut stream);
    let timed = |_| {
        let began = Instant::now();
        request(&mut stream);
        began.elapsed()
    };
    (0..requests).map(timed).collect()
}

/// Sends bytes over one connection until the service has them all.
pub(super) fn bulk(port: u16, bytes: u64) -> Duration {
    let mut stream = connect(port);
    let chunk = vec![BULK; CHUNK];
    let began = Instant::now();
    for _ in 0..bytes / CHUNK as u64 {
        stream.write_all(&chunk).expect("bulk is taken");
    }
    stream.shutdown(Shutdown::Write).expect("an end can be sent");
    // A proxy that forgets the other half at this end says nothing: its time still counts.
    let _half = stream.read(&mut [0; 1]);
    began.elapsed()
}

/// Connects, asks once, and closes, over and over from four threads.
pub(super) fn new_connections(port: u16, count: usize) -> Duration {
    const THREADS: usize = 4;
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..count / THREADS).for_each(|_| request(&mut connect(port))));
        }
    });
    began.elapsed()
}

/// Opens connections that have asked once and are quiet then.
pub(super) fn idle(port: u16, count: usize) -> Vec<TcpStream> {
    let mut open: Vec<_> = (0..count).map(|_| connect(port)).collect();
    open.iter_mut().for_each(request);
    open
}

/// Finishes the sending half at once and sees whether the answer still comes.
pub(super) fn half_close(port: u16) -> &'static str {
    let mut stream = connect(port);
    stream.set_read_timeout(Some(Duration::from_secs(3))).expect("an option can be set");
    stream.write_all(&[BULK; 64]).expect("bytes are taken");
    stream.shutdown(Shutdown::Write).expect("an end can be sent");
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) if answer == b"!" => "kept",
        _ => "broken: the answer after it is lost",
    }
}
