//! CPU and memory next to stress-ng: each in a cgroup of its own, measured from the cgroup.

use crate::figure::Table;
use crate::rig::{Rig, arm, disarm, injection};
use squall_agent::client::Client;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PORT: u16 = 18_020;
/// Loads asked for, in percent of a core.
const LOADS: [u32; 3] = [20, 50, 80];
const ROUNDS: usize = 3;
/// How long each is measured, after it was given a moment to begin.
const MEASURED: Duration = Duration::from_secs(2);
const BEGINS: Duration = Duration::from_millis(300);

pub(crate) fn run(table: &mut Table) {
    let rig = Rig::start(PORT);
    let mut agent = rig.agent();
    for load in LOADS {
        let what = format!("cpu.load: {load}% of a core asked, the machine free");
        cpu(table, &what, &rig, &mut agent, load);
    }
    let busy = Busy::start();
    cpu(table, "cpu.load: 50% asked, every core busy with others", &rig, &mut agent, 50);
    drop(busy);
    memory(table, &rig, &mut agent);
}

/// What holding 256 MiB costs, once they are held.
fn memory(table: &mut Table, rig: &Rig, agent: &mut Client) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let id = format!("m{round}");
        let with = [("size", "256MiB"), ("step", "256MiB")];
        arm(agent, injection(&rig.target(), &id, "memory.load", &with));
        ours.push(used(rig.cgroup()));
        disarm(agent);
        if let Some(stress) = Stress::start(&["--vm", "1", "--vm-bytes", "256M", "--vm-keep"]) {
            theirs.push(used(&stress.cgroup));
        }
    }
    let what = "memory.load: CPU while 256 MiB are held";
    table.numbers(what, "Squall", "0 %", "%", &ours);
    table.numbers(what, "stress-ng", "–", "%", &theirs);
}

/// Rounds of both tools, one after the other.
fn cpu(table: &mut Table, what: &str, rig: &Rig, agent: &mut Client, load: u32) {
    let (mut ours, mut said, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let percent = format!("{load}%");
        let id = format!("c{load}-{round}");
        let one = injection(&rig.target(), &id, "cpu.load", &[("percent", &percent)]);
        arm(agent, one);
        ours.push(used(rig.cgroup()));
        said.push(crate::rig::bite(agent, &id).delivered.unwrap_or(f64::NAN));
        disarm(agent);
        if let Some(stress) = Stress::start(&["--cpu", "1", "--cpu-load", &load.to_string()]) {
            theirs.push(used(&stress.cgroup));
        }
    }
    let asked = format!("{load} ± 1 %");
    table.numbers(what, "Squall", &asked, "%", &ours);
    table.numbers(&format!("{what}: what it says it got"), "Squall", "as measured", "%", &said);
    table.numbers(what, "stress-ng", "–", "%", &theirs);
}

/// The CPU time a cgroup uses, in percent of a core.
fn used(cgroup: &Path) -> f64 {
    std::thread::sleep(BEGINS);
    let (before, start) = (usage_us(cgroup), Instant::now());
    std::thread::sleep(MEASURED);
    (usage_us(cgroup) - before) as f64 / start.elapsed().as_micros() as f64 * 100.0
}

fn usage_us(cgroup: &Path) -> u64 {
    let text = std::fs::read_to_string(cgroup.join("cpu.stat")).expect("a cgroup says its usage");
    let line = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
    line.and_then(|number| number.parse().ok()).expect("a number of microseconds")
}

/// stress-ng in a cgroup of its own.
pub(super) struct Stress {
    child: Child,
    pub(super) cgroup: PathBuf,
}

impl Stress {
    pub(super) fn start(words: &[&str]) -> Option<Stress> {
        let name = format!("squall-bench-stress-{}", std::process::id());
        let cgroup = squall_real::lab::cgroup2_mount()?.join(name);
        std::fs::create_dir_all(&cgroup).ok()?;
        let mut command = Command::new("sh");
        command.args(["-c", "echo 0 > \"$0/cgroup.procs\" && exec \"$@\""]).arg(&cgroup);
        command.args(["stress-ng", "--quiet", "--timeout", "60s"]).args(words);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        Some(Stress { child, cgroup })
    }
}

impl Drop for Stress {
    fn drop(&mut self) {
        // Its parent ends its children on this signal.
        let pid = self.child.id().to_string();
        drop(Command::new("kill").args(["-TERM", &pid]).status());
        drop(self.child.wait());
        let begin = Instant::now();
        while std::fs::remove_dir(&self.cgroup).is_err() && begin.elapsed().as_secs() < 2 {
            std::thread::yield_now();
        }
    }
}

/// One busy loop a core.
struct Busy(Vec<Child>);

impl Busy {
    fn start() -> Busy {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let one = |_| {
            let mut shell = Command::new("sh");
            shell.args(["-c", "while :; do :; done"]).stdin(Stdio::null());
            shell.spawn().expect("a shell starts")
        };
        Busy((0..cores * 2).map(one).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
