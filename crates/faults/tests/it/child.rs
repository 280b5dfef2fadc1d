//! Children of these tests: this same binary, started again as one of the parts below. A part
//! reads commands on its standard input and answers lines that begin with `> `.

use crate::bench::{Own, lease, prepare, target};
use squall_faults::sys::worker::{self, WORK_ARGUMENT};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

const PART: &str = "SQUALL_TEST_PART";

/// A child that plays a part.
pub(crate) struct Part {
    pub(crate) own: Own,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Part {
    pub(crate) fn start(part: &str) -> Part {
        Part::start_in(part, |_| {})
    }

    pub(crate) fn start_in(part: &str, change: impl FnOnce(&mut Command)) -> Part {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child::plays_its_part", "--nocapture", "--test-threads=1"]);
        command.env(PART, part).stdin(Stdio::piped()).stdout(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Part { own: Own(child), input, output }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.own.pid()
    }

    /// Sends a command and returns the answer.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.send(command);
        self.line()
    }

    pub(crate) fn send(&mut self, command: &str) {
        writeln!(self.input, "{command}").unwrap();
    }

    /// Returns the next line that is an answer.
    pub(crate) fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the part ended");
            // The harness prints the test's name without a newline.
            if let Some((_, answer)) = line.split_once("> ") {
                return answer.trim().to_owned();
            }
        }
    }

    /// Ends it as nothing can prevent.
    pub(crate) fn kill(mut self) {
        self.own.0.kill().unwrap();
        self.own.0.wait().unwrap();
    }
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

pub(crate) fn say(line: &str) {
    println!("> {line}");
}

/// Does nothing as a test; as a child it plays the part it was started for.
#[test]
fn plays_its_part() {
    let mut arguments = std::env::args_os().skip_while(|word| word != WORK_ARGUMENT);
    if arguments.next().is_some() {
        worker::main(arguments);
        std::process::exit(0);
    }
    match std::env::var(PART).as_deref() {
        Ok("connector") => connector(),
        Ok("holder") => holder(),
        Ok("host") => crate::host::play(commands()),
        Ok("server") => crate::server::play(commands()),
        _ => {}
    }
}

fn commands() -> impl Iterator<Item = String> {
    std::io::stdin().lines().map_while(Result::ok)
}

/// Connects where it is told and says how it went.
fn connector() {
    for command in commands() {
        let (protocol, address) = command.split_once(' ').unwrap();
        let address: SocketAddr = address.parse().unwrap();
        let result = match protocol {
            "tcp" => TcpStream::connect_timeout(&address, Duration::from_secs(5)).map(drop),
            _ => UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.connect(address)),
        };
        match result {
            Ok(()) => say("connected"),
            Err(error) => say(&format!("{:?}", error.kind())),
        }
    }
}

/// Holds a fault: `FAULT PID WITH WHERE PORTS`, pairs joined by commas; or what a process sends to
/// an address: `redirect PID ADDRESS SECONDS`; `drop` lets the faults go.
fn holder() {
    crate::cpu_load::work_with_this();
    let mut held = Vec::new();
    for command in commands() {
        let words: Vec<&str> = command.split(' ').collect();
        if words[0] == "drop" {
            held.clear();
            say("dropped");
            continue;
        }
        if words[0] == "redirect" {
            crate::redirect::hold(&words[1..]);
            say("redirected");
            continue;
        }
        let pairs = |text: &'static str| -> Vec<(&'static str, &'static str)> {
            text.split(',').filter_map(|pair| pair.split_once('=')).collect()
        };
        let leaked = |at: usize| -> &'static str { words[at].to_owned().leak() };
        let listening = words[4].split(',').filter_map(|address| address.parse().ok()).collect();
        let target = target(words[1].parse().unwrap(), listening);
        let used = prepare(words[0], target, &pairs(leaked(2)), &pairs(leaked(3))).unwrap();
        held.push(used.try_apply(lease(Duration::from_secs(60))).unwrap());
        say(&serde_json::to_string(&used.receipt).unwrap());
    }
}
