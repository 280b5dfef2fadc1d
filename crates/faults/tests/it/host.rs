//! A part that is a host: it sends and hears datagrams, with sequence numbers, times and a check
//! of its own, and TCP in bulk. Two of them share a network namespace.

use crate::child::{Part, say};
use crate::server::loopback_up;
use squall_faults::sys::clock::monotonic_ns;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// No datagram of these tests is longer under way.
const QUIET: Duration = Duration::from_millis(250);
/// A SYN that finds no room is sent again after one second, and then after three.
const PATIENCE: Duration = Duration::from_secs(7);

/// Starts a host in a network namespace of its own.
pub(crate) fn alone() -> Part {
    let mut part = Part::start_in("host", |command| {
        // SAFETY: one system call between fork and exec, which touches no memory.
        unsafe {
            command.pre_exec(|| match libc::unshare(libc::CLONE_NEWNET) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            });
        }
    });
    assert_eq!(part.ask("loopback"), "up");
    part
}

/// Starts a host in the network namespace of another.
pub(crate) fn beside(other: &Part) -> Part {
    let netns = File::open(format!("/proc/{}/ns/net", other.pid())).unwrap();
    Part::start_in("host", |command| {
        // SAFETY: one system call between fork and exec, which touches no memory.
        unsafe {
            command.pre_exec(move || match libc::setns(netns.as_raw_fd(), libc::CLONE_NEWNET) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            });
        }
    })
}

/// Does something in the network namespace of a part, on a thread that ends there.
pub(crate) fn within<T: Send>(part: &Part, body: impl FnOnce() -> T + Send) -> T {
    let netns = squall_faults::sys::netns::Netns::seen(part.pid()).unwrap();
    thread::scope(|scope| {
        let inside = scope.spawn(move || {
            netns.enter().unwrap();
            body()
        });
        inside.join().unwrap()
    })
}

/// What a host heard since it was last asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    pub(crate) received: u64,
    pub(crate) distinct: u64,
    pub(crate) overtaken: u64,
    pub(crate) damaged: u64,
    pub(crate) late_us: Vec<u64>,
}

impl Heard {
    /// Waits until nothing comes any more.
    pub(crate) fn of(part: &mut Part) -> Heard {
        let answer = part.ask("heard");
        let mut words = answer.split(' ').map(|word| word.parse::<u64>().unwrap());
        let mut next = || words.next().unwrap();
        let (received, distinct, overtaken, damaged) = (next(), next(), next(), next());
        Heard { received, distinct, overtaken, damaged, late_us: words.collect() }
    }

    /// The delay below which this share of the packets stayed.
    pub(crate) fn late(&self, share: f64) -> u64 {
        let mut sorted = self.late_us.clone();
        sorted.sort_unstable();
        sorted[((sorted.len() - 1) as f64 * share) as usize]
    }
}

#[derive(Default)]
struct Ear {
    heard: Heard,
    seen: BTreeSet<u64>,
    highest: u64,
    last: Option<Instant>,
}

/// Commands: `loopback`, `listen ADDRESS`, `send ADDRESS COUNT SIZE GAP_US`, `heard`, `sink
/// ADDRESS` and `sunk` for bulk, `push ADDRESS MS`, `dial ADDRESS`, `talk`, `bind ADDRESS`.
pub(crate) fn play(commands: impl Iterator<Item = String>) {
    let ear = Arc::new(Mutex::new(Ear::default()));
    let sunk = Arc::new(AtomicU64::new(0));
    let mut open: Vec<TcpStream> = Vec::new();
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        let address = || words[1].parse::<SocketAddr>().unwrap();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        let answer = match words[0] {
            "loopback" => {
                loopback_up();
                Ok("up".to_owned())
            }
            "listen" => listen(address(), &ear),
            "send" => send(address(), number(2), number(3) as usize, number(4)),
            "heard" => Ok(heard(&ear)),
            "sink" => sink(address(), &sunk),
            "sunk" => Ok(sunk.swap(0, Ordering::Relaxed).to_string()),
            "push" => push(address(), Duration::from_millis(number(2))),
            "dial" => {
                // A single one is about how long it takes to fail.
                let patience = if words.len() > 2 { PATIENCE } else { PATIENCE / 10 };
                let count = words.get(2).map_or(1, |_| number(2));
                dial(address(), count, patience, &mut open)
            }
            "talk" => Ok(talk(&mut open)),
            _ => TcpListener::bind(address()).map(|_| "bound".to_owned()),
        };
        say(&answer.unwrap_or_else(|error| format!("{:?}", error.kind())));
    }
}

fn listen(address: SocketAddr, ear: &Arc<Mutex<Ear>>) -> io::Result<String> {
    let socket = UdpSocket::bind(address)?;
    let bytes: libc::c_int = 64 << 20;
    // SAFETY: the option is an integer of the size that goes along.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            (&raw const bytes).cast(),
            size_of_val(&bytes) as u32,
        )
    };
    let local = socket.local_addr()?;
    let ear = Arc::clone(ear);
    thread::spawn(move || {
        let mut bytes = [0; 65_536];
        while let Ok(length) = socket.recv(&mut bytes) {
            hear(&mut ear.lock().unwrap(), &bytes[..length], monotonic_ns());
        }
    });
    Ok(local.to_string())
}

/// Sequence number, time of sending, their sum as a check, then zeros.
fn datagram(number: u64, size: usize) -> Vec<u8> {
    let now = monotonic_ns();
    let mut bytes = Vec::with_capacity(size);
    for word in [number, now, number.wrapping_add(now)] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.resize(size.max(24), 0);
    bytes
}

fn hear(ear: &mut Ear, bytes: &[u8], now: u64) {
    let word = |at: usize| u64::from_ne_bytes(bytes[at * 8..at * 8 + 8].try_into().unwrap());
    ear.last = Some(Instant::now());
    ear.heard.received += 1;
    let (number, sent) = (word(0), word(1));
    if number.wrapping_add(sent) != word(2) || bytes[24..].iter().any(|byte| *byte != 0) {
        ear.heard.damaged += 1;
        return;
    }
    ear.heard.late_us.push((now - sent) / 1_000);
    if number < ear.highest && !ear.seen.contains(&number) {
        ear.heard.overtaken += 1;
    }
    ear.highest = ear.highest.max(number);
    if ear.seen.insert(number) {
        ear.heard.distinct += 1;
    }
}

fn heard(ear: &Mutex<Ear>) -> String {
    let start = Instant::now();
    loop {
        let since = ear.lock().unwrap().last.unwrap_or(start).elapsed();
        if since > QUIET {
            break;
        }
        thread::sleep(QUIET / 5);
    }
    let Ear { heard, .. } = std::mem::take(&mut *ear.lock().unwrap());
    let Heard { received, distinct, overtaken, damaged, late_us } = heard;
    let late: String = late_us.iter().map(|late| format!(" {late}")).collect();
    format!("{received} {distinct} {overtaken} {damaged}{late}")
}

fn send(address: SocketAddr, count: u64, size: usize, gap_us: u64) -> io::Result<String> {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    let start = monotonic_ns();
    let mut errors = 0;
    for number in 0..count {
        // Paced by the clock, so that a late one is caught up with.
        while monotonic_ns() < start + number * gap_us * 1_000 {
            std::hint::spin_loop();
        }
        errors += u64::from(socket.send(&datagram(number + 1, size)).is_err());
    }
    Ok(format!("{errors} errors"))
}

fn sink(address: SocketAddr, sunk: &Arc<AtomicU64>) -> io::Result<String> {
    let listener = TcpListener::bind(address)?;
    let (local, sunk) = (listener.local_addr()?, Arc::clone(sunk));
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let sunk = Arc::clone(&sunk);
            thread::spawn(move || {
                let mut bytes = vec![0; 1 << 18];
                while let Ok(read @ 1..) = stream.read(&mut bytes) {
                    sunk.fetch_add(read as u64, Ordering::Relaxed);
                }
            });
        }
    });
    Ok(local.to_string())
}

/// Sends as fast as it goes for so long.
fn push(address: SocketAddr, time: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_write_timeout(Some(Duration::from_millis(100)))?;
    let (start, bytes) = (Instant::now(), vec![0; 1 << 16]);
    while start.elapsed() < time {
        match stream.write(&bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    // What is still queued is not waited for: the other side counts what has arrived.
    linger_not(&stream);
    Ok("pushed".to_owned())
}

fn linger_not(stream: &TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the option is of the type and size that go along.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of_val(&linger) as u32,
        )
    };
}

/// Opens so many connections and keeps them, or none. Non-blocking ones, as Go's are.
fn dial(
    address: SocketAddr,
    count: u64,
    patience: Duration,
    open: &mut Vec<TcpStream>,
) -> io::Result<String> {
    let mut new = Vec::new();
    for _ in 0..count {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_nonblocking(true)?;
        new.push(stream);
    }
    open.append(&mut new);
    Ok("connected".to_owned())
}

/// What reading each open connection says: `WouldBlock` while it lives.
fn talk(open: &mut Vec<TcpStream>) -> String {
    let mut said = std::collections::BTreeMap::<String, u32>::new();
    for mut stream in open.drain(..) {
        let word = match stream.read(&mut [0; 16]) {
            Ok(_) => "end".to_owned(),
            Err(error) => format!("{:?}", error.kind()),
        };
        *said.entry(word).or_default() += 1;
    }
    let words: Vec<_> = said.iter().map(|(word, count)| format!("{word} {count}")).collect();
    words.join(" ")
}
