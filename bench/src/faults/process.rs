//! Stops as the stopped process sees them: it reads the clock without end and tells each gap.

use crate::figure::Table;
use crate::rig::{Rig, arm, disarm, injection};
use squall_agent::client::Client;
use squall_wire::injection::Injection;
use squall_wire::target::Target;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const PORT: u16 = 18_021;
/// Lengths asked for.
const LENGTHS_MS: [u64; 3] = [10, 30, 100];
const PULSES: usize = 40;
const PERIOD: &str = "150ms";
/// Longer than all pulses of one length.
const LEASE_MS: u64 = 60_000;
/// A shorter gap is another process's turn.
const GAP: Duration = Duration::from_millis(6);
const KILLS: usize = 20;

pub(crate) fn run(table: &mut Table) {
    let rig = Rig::start(PORT);
    let mut agent = rig.agent();
    for length in LENGTHS_MS {
        let mut gaps = Gaps::start();
        let with = [("length", format!("{length}ms")), ("period", PERIOD.to_owned())];
        let with: Vec<(&str, &str)> = with.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let id = format!("f{length}");
        let freeze = injection(&gaps.target(&rig), &id, "process.freeze", &with);
        // Nobody renews it, and without pulses the inner program has nothing more to tell.
        arm(&mut agent, Injection { lease_ms: LEASE_MS, ..freeze });
        let seen = gaps.next(PULSES);
        disarm(&mut agent);
        let what = format!("process.freeze: {length} ms asked, seen from inside");
        table.times(&what, "Squall", &format!("median {length} ± 3 ms"), &seen);
    }
    kills(table, &rig, &mut agent);
}

/// From the call to the answer that the process is gone.
fn kills(table: &mut Table, rig: &Rig, agent: &mut Client) {
    let times: Vec<Duration> = (0..KILLS)
        .map(|round| {
            let gaps = Gaps::start();
            let one = injection(&gaps.target(rig), &format!("k{round}"), "process.kill", &[]);
            let begin = Instant::now();
            arm(agent, one);
            let took = begin.elapsed();
            disarm(agent);
            took
        })
        .collect();
    table.times("process.kill: command to the process's end", "Squall", "–", &times);
}

/// The inner program in a process of its own.
struct Gaps(Child);

impl Gaps {
    fn start() -> Gaps {
        let own = std::env::current_exe().expect("a program knows its own path");
        let mut command = Command::new(own);
        command.arg("gaps").stdin(Stdio::null()).stdout(Stdio::piped());
        Gaps(command.spawn().expect("it starts"))
    }

    /// It, as a target; everything but the process is the rig's.
    fn target(&self, rig: &Rig) -> Target {
        let all = squall_agent::inventory::scan();
        let found = all.processes.into_iter().find(|p| p.process.pid == self.0.id());
        Target { process: found.expect("it runs").process, ..rig.target() }
    }

    /// The next gaps that it tells.
    fn next(&mut self, count: usize) -> Vec<Duration> {
        let output = self.0.stdout.take().expect("its output is piped");
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        let gaps = lines.filter_map(|line| line.parse().ok()).map(Duration::from_micros);
        gaps.take(count).collect()
    }
}

impl Drop for Gaps {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The inner program: tells every gap in its own time, in microseconds.
pub(crate) fn gaps() -> ExitCode {
    let mut last = Instant::now();
    loop {
        let now = Instant::now();
        let gap = now.duration_since(last);
        if gap >= GAP && writeln!(std::io::stdout(), "{}", gap.as_micros()).is_err() {
            return ExitCode::SUCCESS;
        }
        last = now;
    }
}
