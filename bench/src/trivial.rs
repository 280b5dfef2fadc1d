//! A trivial experiment as a whole, next to Chaos Toolkit; and what each leaves behind when it
//! is killed in the middle.

use crate::figure::Table;
use crate::peers;
use crate::rig::{Rig, squall, state};
use squall_real::until::until;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 15;
const PORT: u16 = 18_005;

pub(crate) fn run(table: &mut Table) {
    let rig = Rig::start(PORT);
    // An agent that is already there, as on any host that runs experiments every day; then one
    // that each run starts for itself.
    let keep = rig.agent();
    let ours = rig.folder().join("trivial.yaml");
    std::fs::write(&ours, OURS).expect("the file can be written");
    let warm = rounds(|| ours_once(&rig, &ours));
    table.times("trivial experiment, agent running", "Squall", "≤ 30 ms", &warm);
    drop(keep);
    until("the agent ends", Duration::from_secs(10), || (!rig.paths.socket.exists()).then_some(()));
    let cold = rounds(|| {
        let took = ours_once(&rig, &ours);
        until("the agent ends", Duration::from_secs(10), || {
            (!rig.paths.socket.exists()).then_some(())
        });
        took
    });
    table.times("trivial experiment, agent started by it", "Squall", "≤ 30 ms", &cold);
    match peers::chaos_toolkit() {
        Ok(chaos) => {
            let theirs = rig.folder().join("trivial.json");
            let text = THEIRS.replace("PID", &rig.pid().to_string());
            std::fs::write(&theirs, text).expect("the file can be written");
            let times = rounds(|| theirs_once(&rig, &chaos, &theirs));
            table.times("trivial experiment", "Chaos Toolkit", "–", &times);
            left_behind(table, &rig, &ours, &chaos, &theirs);
        }
        Err(why) => eprintln!("  Chaos Toolkit is not here: {why}"),
    }
}

fn rounds(mut once: impl FnMut() -> Duration) -> Vec<Duration> {
    (0..ROUNDS).map(|_| once()).collect()
}

fn ours_command(rig: &Rig, file: &Path) -> Command {
    let mut command = Command::new(squall());
    command.args(["run", &file.display().to_string()]).current_dir(rig.folder());
    command.env("SQUALL_STATE", rig.folder()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn ours_once(rig: &Rig, file: &Path) -> Duration {
    let start = Instant::now();
    let status = ours_command(rig, file).status().expect("squall starts");
    assert!(matches!(status.code(), Some(0 | 4)), "the experiment ends by itself: {status}");
    start.elapsed()
}

fn theirs_command(rig: &Rig, chaos: &Path, file: &Path) -> Command {
    let mut command = Command::new(chaos);
    command.args(["--no-version-check", "run", &file.display().to_string()]);
    command.current_dir(rig.folder()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn theirs_once(rig: &Rig, chaos: &Path, file: &Path) -> Duration {
    let start = Instant::now();
    let _ = theirs_command(rig, chaos, file).status().expect("chaos starts");
    start.elapsed()
}

/// Stops the target through each tool, ends the tool by each signal, and looks a second later.
fn left_behind(table: &mut Table, rig: &Rig, ours: &Path, chaos: &Path, theirs: &Path) {
    let long = rig.folder().join("long.yaml");
    let text = std::fs::read_to_string(ours).expect("the file was written");
    std::fs::write(&long, text.replace("hold: 1ms", "hold: 20s")).expect("it can be written");
    let text = std::fs::read_to_string(theirs).expect("the file was written");
    let long_theirs = rig.folder().join("long.json");
    std::fs::write(&long_theirs, text.replace("0.001", "20")).expect("it can be written");
    for signal in ["INT", "TERM", "KILL"] {
        let mut still = |who: &str, mut command: Command| {
            goes_on(rig);
            let child = command.spawn().expect("it starts");
            let left = stopped_after(rig, child, signal);
            table.numbers(
                &format!("target still stopped 1 s after SIG{signal} to the tool"),
                who,
                "0",
                "",
                &[f64::from(u8::from(left))],
            );
        };
        still("Squall", ours_command(rig, &long));
        still("Chaos Toolkit", theirs_command(rig, chaos, &long_theirs));
    }
    goes_on(rig);
}

/// Puts the target back by hand after whatever the last tool left.
fn goes_on(rig: &Rig) {
    let done = Command::new("kill").args(["-CONT", &rig.pid().to_string()]).status();
    assert!(done.is_ok_and(|s| s.success()), "the target is there");
    until("the target goes on", Duration::from_secs(1), || {
        (state(rig.pid())? != 'T').then_some(())
    });
}

fn stopped_after(rig: &Rig, mut child: Child, signal: &str) -> bool {
    let stopped = || state(rig.pid()) == Some('T');
    until("the target is stopped", Duration::from_secs(20), || stopped().then_some(()));
    let pid = child.id().to_string();
    drop(Command::new("kill").args([&format!("-{signal}"), &pid]).status());
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) && stopped() {
        std::thread::yield_now();
    }
    let left = stopped();
    drop(child.kill());
    drop(child.wait());
    left
}

const OURS: &str = r#"apiVersion: squall.dev/v1
kind: Experiment
metadata: {name: trivial}
spec:
  hypothesis: The server answers again after a short stop.
  signals:
    - traffic: {url: "http://127.0.0.1:18005/", rate: 1000/s}
  steadyState:
    - name: answers
      query: sum(squall_client_requests_total)
      expect: ">= 0"
  baseline: 1ms
  abort: {every: 2ms}
  method:
    - fault: process.pause
      target: {port: 18005}
      hold: 1ms
  recovery: {within: 2s}
"#;

const THEIRS: &str = r#"{
  "title": "trivial", "description": "trivial", "tags": [],
  "steady-state-hypothesis": {"title": "answers", "probes": [{
    "type": "probe", "name": "answers", "tolerance": 200,
    "provider": {"type": "http", "url": "http://127.0.0.1:18005/", "timeout": 2}}]},
  "method": [
    {"type": "action", "name": "stop", "pauses": {"after": 0.001},
     "provider": {"type": "process", "path": "kill", "arguments": "-STOP PID"}},
    {"type": "action", "name": "continue",
     "provider": {"type": "process", "path": "kill", "arguments": "-CONT PID"}}],
  "rollbacks": [{"type": "action", "name": "go on",
    "provider": {"type": "process", "path": "kill", "arguments": "-CONT PID"}}]
}
"#;
