//! The target of these figures: this program again, in a cgroup of its own, told what to send; and
//! what hears it.

use squall_agent::inventory;
use squall_real::lab::cgroup2_mount;
use squall_wire::target::Target;
use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The first word of the command line that starts one.
const WORD: &str = "host";
/// No packet here is longer under way without another.
const QUIET: Duration = Duration::from_millis(300);

/// A child in a cgroup of its own.
pub(super) struct Host {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    cgroup: PathBuf,
}

impl Host {
    pub(super) fn start(name: &str) -> Host {
        let own = std::env::current_exe().expect("a program knows its own path");
        let mount = cgroup2_mount().expect("these figures need a mounted cgroup2 file system");
        let cgroup = mount.join(format!("squall-bench-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&cgroup).expect("a cgroup can be made");
        let mut command = Command::new("sh");
        command.args(["-c", "echo 0 > \"$0/cgroup.procs\"; exec \"$@\""]).arg(&cgroup).arg(own);
        command.arg(WORD).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the target starts");
        let input = child.stdin.take().expect("it was piped");
        let output = BufReader::new(child.stdout.take().expect("it was piped"));
        let mut host = Host { child, input, output, cgroup };
        assert_eq!(host.ask("hello"), "hello");
        host
    }

    pub(super) fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.hear()
    }

    pub(super) fn tell(&mut self, command: &str) {
        writeln!(self.input, "{command}").expect("the target listens");
    }

    pub(super) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the target answers");
        line.trim().to_owned()
    }

    /// The target as a plan would name it.
    pub(super) fn target(&self) -> Target {
        let all = inventory::scan().processes;
        let found = all.into_iter().find(|process| process.process.pid == self.child.id());
        let found = found.expect("the target runs");
        Target {
            name: "host-1".into(),
            service: "host".into(),
            process: found.process,
            netns: found.netns,
            cgroup: found.cgroup,
            listening: found.listening,
            probes: Vec::new(),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        for _ in 0..1_000 {
            if std::fs::remove_dir(&self.cgroup).is_ok() || !self.cgroup.exists() {
                break;
            }
            thread::yield_now();
        }
    }
}

/// What was heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) received: u64,
    pub(super) distinct: u64,
    pub(super) damaged: u64,
    pub(super) late_us: Vec<u64>,
    seen: BTreeSet<u64>,
    last: Option<Instant>,
}

/// Hears datagrams.
pub(super) struct Ear(Arc<Mutex<Heard>>);

impl Ear {
    pub(super) fn listen(address: &str) -> Ear {
        let socket = UdpSocket::bind(address).expect("a port is free");
        // What this process is too slow for is not to count as lost by the fault.
        rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 64 << 20)
            .expect("root may have a large buffer");
        let heard = Arc::new(Mutex::new(Heard::default()));
        let shared = Arc::clone(&heard);
        thread::spawn(move || {
            let mut bytes = [0; 2_048];
            while let Ok(length) = socket.recv(&mut bytes) {
                let now = now_ns();
                let mut heard = shared.lock().expect("nobody panics with it");
                heard.hear(&bytes[..length], now);
            }
        });
        Ear(heard)
    }

    /// Waits until nothing comes any more.
    pub(super) fn heard(&self) -> Heard {
        let start = Instant::now();
        loop {
            let last = self.0.lock().expect("nobody panics with it").last;
            if last.unwrap_or(start).elapsed() > QUIET {
                return std::mem::take(&mut self.0.lock().expect("nobody panics with it"));
            }
            thread::sleep(QUIET / 5);
        }
    }
}

impl Heard {
    fn hear(&mut self, bytes: &[u8], now: u64) {
        let word = |at: usize| {
            bytes
                .get(at * 8..at * 8 + 8)
                .and_then(|b| b.try_into().ok())
                .map_or(0, u64::from_ne_bytes)
        };
        self.last = Some(Instant::now());
        self.received += 1;
        let (number, sent) = (word(0), word(1));
        if number.wrapping_add(sent) != word(2) || bytes.iter().skip(24).any(|byte| *byte != 0) {
            self.damaged += 1;
            return;
        }
        self.late_us.push(now.saturating_sub(sent) / 1_000);
        self.distinct += u64::from(self.seen.insert(number));
    }
}

/// Takes bytes over TCP.
pub(super) struct Sink(Arc<AtomicU64>);

impl Sink {
    pub(super) fn listen(address: &str) -> Sink {
        let listener = TcpListener::bind(address).expect("a port is free");
        let bytes = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&bytes);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                let small = thread::Builder::new().stack_size(1 << 16);
                drop(small.spawn(move || take(stream, &shared)));
            }
        });
        Sink(bytes)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn take(mut stream: TcpStream, bytes: &AtomicU64) {
    let mut buffer = vec![0; 1 << 15];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        bytes.fetch_add(read as u64, Ordering::Relaxed);
    }
}

/// The same clock in both processes; a figure during which it is set is a wrong one.
fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(0)
}

/// The inner program, if this is one: does what its standard input says.
pub(crate) fn play(words: &[String]) -> Option<ExitCode> {
    if words.first().is_none_or(|word| word != WORD) {
        return None;
    }
    let mut open = Vec::new();
    for line in io::stdin().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let answer = obey(&words, &mut open).unwrap_or_else(|why| format!("{:?}", why.kind()));
        println!("{answer}");
    }
    Some(ExitCode::SUCCESS)
}

fn obey(words: &[&str], open: &mut Vec<TcpStream>) -> io::Result<String> {
    let bad = || io::Error::from(io::ErrorKind::InvalidInput);
    let address = || words.get(1).and_then(|word| word.parse::<SocketAddr>().ok()).ok_or_else(bad);
    let number =
        |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok()).ok_or_else(bad);
    match words.first().copied() {
        Some("send") => send(address()?, number(2)?, number(3)?),
        Some("push") => push(address()?, Duration::from_millis(number(2)?)),
        Some("connects") => connects(address()?, number(2)?),
        Some("works") => loop {
            if connects(address()?, 1)? != "refused" {
                return Ok("works".into());
            }
        },
        Some("dial") => {
            for _ in 0..number(2)? {
                let stream = TcpStream::connect(address()?)?;
                stream.set_nonblocking(true)?;
                open.push(stream);
            }
            Ok("connected".into())
        }
        Some("talk") => {
            let reset = |stream: &mut TcpStream| {
                let read = stream.read(&mut [0; 1]);
                read.is_err_and(|why| why.kind() == io::ErrorKind::ConnectionReset)
            };
            let all = open.drain(..).map(|mut stream| reset(&mut stream));
            Ok(format!("ConnectionReset {}", all.filter(|reset| *reset).count()))
        }
        _ => Ok("hello".into()),
    }
}

fn send(to: SocketAddr, count: u64, gap_us: u64) -> io::Result<String> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(to)?;
    let start = Instant::now();
    for number in 1..=count {
        while start.elapsed() < Duration::from_micros(number * gap_us) {
            std::hint::spin_loop();
        }
        let now = now_ns();
        let words = [number, now, number.wrapping_add(now), 0, 0, 0, 0, 0];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        socket.send(&bytes)?;
    }
    Ok("sent".into())
}

fn push(to: SocketAddr, time: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_write_timeout(Some(Duration::from_millis(100)))?;
    let (start, bytes) = (Instant::now(), vec![0; 1 << 16]);
    while start.elapsed() < time {
        match stream.write(&bytes) {
            Err(why) if why.kind() != io::ErrorKind::WouldBlock => return Err(why),
            _ => {}
        }
    }
    Ok("pushed".into())
}

/// Nanoseconds of each.
fn connects(to: SocketAddr, count: u64) -> io::Result<String> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let start = Instant::now();
    for _ in 0..count {
        if socket.connect(to).is_err() {
            return Ok("refused".into());
        }
    }
    Ok((start.elapsed().as_nanos() as f64 / count as f64).to_string())
}
