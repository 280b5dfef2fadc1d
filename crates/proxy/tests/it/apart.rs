//! A proxy in a process of its own, whose memory is its own: the service, the clients and the
//! tests that run beside are in this one. The process is this same binary, started again; it
//! answers each line of its standard input with a line that begins with `> `.

use std::{
    io::{BufRead, BufReader, Write, stdin, stdout},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use squall_proxy::BootTime;

use crate::stand::{PATIENCE, Stand, connect};

/// Where the service is that the other process stands before.
const SERVICE: &str = "SQUALL_TEST_SERVICE";
const WATCHED: &str = "SQUALL_TEST_WATCHED";

pub(crate) struct Apart {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Apart {
    pub(crate) fn before(service: SocketAddr) -> Apart {
        Apart::start(service, false)
    }

    /// One that reads its connections, and does nothing to them.
    pub(crate) fn watching(service: SocketAddr) -> Apart {
        Apart::start(service, true)
    }

    fn start(service: SocketAddr, watched: bool) -> Apart {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "apart::plays_its_part", "--nocapture", "--test-threads=1"]);
        command.env(SERVICE, service.to_string()).env(WATCHED, watched.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let address = answer(&mut output).parse().unwrap();
        Apart { child, input, output, address }
    }

    pub(crate) fn client(&self) -> TcpStream {
        connect(self.address)
    }

    /// How many connections are open, and how many bytes of memory the process has.
    pub(crate) fn seen(&mut self) -> (usize, u64) {
        writeln!(self.input.as_ref().unwrap(), "seen").unwrap();
        let seen = answer(&mut self.output);
        let (open, resident) = seen.split_once(' ').unwrap();
        (open.parse().unwrap(), resident.parse().unwrap())
    }

    pub(crate) fn resident(&mut self) -> u64 {
        self.seen().1
    }

    /// Waits until so many connections are open, and returns the memory that is held then.
    pub(crate) fn until_open(&mut self, wanted: usize) -> u64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (open, resident) = self.seen();
            if open == wanted {
                return resident;
            }
            assert!(Instant::now() < deadline, "never {wanted} open, but {open}");
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // It stops its proxy, looks whether it left anything, and ends.
        drop(self.input.take());
        let ended = self.child.wait();
        if !std::thread::panicking() {
            assert!(ended.unwrap().success(), "the other process says why above");
        }
    }
}

/// Returns the next line that is an answer: the harness prints lines of its own.
fn answer(output: &mut impl BufRead) -> String {
    loop {
        let mut line = String::new();
        assert!(output.read_line(&mut line).unwrap() > 0, "the other process ended");
        if let Some((_, answer)) = line.split_once("> ") {
            return answer.trim().to_owned();
        }
    }
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

/// The other process. Run as a test among others, it has nobody to serve.
#[test]
fn plays_its_part() {
    let Ok(service) = std::env::var(SERVICE) else { return };
    let stand = Stand::before(service.parse().unwrap());
    if std::env::var(WATCHED).is_ok_and(|watched| watched == "true") {
        stand.watch();
    }
    let mut out = stdout();
    writeln!(out, "> {}", stand.address).unwrap();
    // It ends with whoever started it, which closes its input.
    for _ in stdin().lines().map_while(Result::ok) {
        // A loaded machine may take longer than the rules were meant to last.
        stand.layer.rules().extend(BootTime::now().after(PATIENCE));
        writeln!(out, "> {} {}", stand.seen().open, resident()).unwrap();
    }
}
