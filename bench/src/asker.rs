//! The inner program that asks: in the target's cgroup, a new socket for each question or
//! handshake, as clients do. It prints one line for each: when it was answered (Unix time), how
//! long that took, and how.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the resolver answers.
pub(crate) const RESOLVER: &str = "127.0.0.1:53";
/// An answer that is not there by then is none; only where answers are lost on purpose.
const PATIENCE: Duration = Duration::from_millis(500);

/// One answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) at_unix_ns: u128,
    pub(crate) took: Duration,
    /// The response code, or the alert; `None` where nothing came or the connection went on.
    pub(crate) code: Option<u8>,
}

/// Asks in a cgroup, so many times in each of so many threads.
pub(crate) fn ask(cgroup: &Path, what: &str, times: usize, threads: usize) -> Vec<Asked> {
    read(start(cgroup, what, times, threads))
}

/// Begins to ask.
pub(crate) fn start(cgroup: &Path, what: &str, times: usize, threads: usize) -> Child {
    let own = std::env::current_exe().expect("a program knows its own path");
    let mut command = Command::new("sh");
    command.args(["-c", "echo 0 > \"$0/cgroup.procs\" && exec \"$@\""]).arg(cgroup).arg(own);
    command.args(["ask", what, &times.to_string(), &threads.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the asker starts")
}

/// Waits for all answers.
pub(crate) fn read(child: Child) -> Vec<Asked> {
    let output = child.wait_with_output().expect("the asker ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let mut words = line.split(' ');
        let at_unix_ns = words.next()?.parse().ok()?;
        let took = Duration::from_nanos(words.next()?.parse().ok()?);
        Some(Asked { at_unix_ns, took, code: words.next()?.parse().ok() })
    };
    text.lines().filter_map(line).collect()
}

/// How long clients that are in a hurry wait: what was under way when the agent died has no answer.
const HURRY: Duration = Duration::from_millis(3);

/// The program: `ask NAME|hurry:NAME|tls:PORT TIMES THREADS`.
pub(crate) fn main(words: &[String]) -> ExitCode {
    let [what, times, threads] = words else { return ExitCode::from(2) };
    let number = |word: &String| word.parse::<usize>().unwrap_or(1);
    let (times, threads) = (number(times), number(threads));
    let shaken = what.strip_prefix("tls:").and_then(|port| port.parse::<u16>().ok());
    let one = || match shaken {
        Some(port) => shake(port),
        None => match what.strip_prefix("hurry:") {
            Some(name) => question(name, HURRY),
            None => question(what, PATIENCE),
        },
    };
    let all: Vec<String> = std::thread::scope(|scope| {
        let many = || (0..times).map(|_| line(one)).collect::<Vec<_>>();
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(many)).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("a thread ends")).collect()
    });
    println!("{}", all.join("\n"));
    ExitCode::SUCCESS
}

fn line(one: impl Fn() -> std::io::Result<Option<u8>>) -> String {
    let start = Instant::now();
    let code = one().ok().flatten();
    let took = start.elapsed().as_nanos();
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{at} {took} {}", code.map_or("-".into(), |code| code.to_string()))
}

fn question(name: &str, patience: Duration) -> std::io::Result<Option<u8>> {
    // A resolver is named by its port where it is not the usual one.
    let (name, resolver) = match name.split_once('@') {
        Some((name, port)) => (name, format!("127.0.0.1:{port}")),
        None => (name, RESOLVER.to_owned()),
    };
    let mut message = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(resolver.parse::<SocketAddr>().map_err(std::io::Error::other)?)?;
    socket.set_read_timeout(Some(patience))?;
    socket.send(&message)?;
    let mut answer = [0; 512];
    let count = socket.recv(&mut answer)?;
    Ok((count >= 12).then(|| answer[3] & 15))
}

/// Says hello for a name and tells which alert came; the server behind ends the connection.
fn shake(port: u16) -> std::io::Result<Option<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(&hello("api.shop.test"))?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    // The record of an alert: its type, the version, a length of two, its level, its number.
    Ok(answer.first().filter(|kind| **kind == 21).and_then(|_| answer.get(6).copied()))
}

fn hello(name: &str) -> Vec<u8> {
    let long = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    let host = [&[0][..], &long(name.as_bytes())].concat();
    let extension = [&[0, 0][..], &long(&long(&host))].concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(long(&extension));
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[1][..], &length[1..], &body].concat();
    [&[22, 3, 1][..], &long(&message)].concat()
}
