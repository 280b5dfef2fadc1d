//! What the figures are measured on: a small HTTP server as the target, an agent with a state
//! folder of its own, and injections for both.

use squall_agent::client::Client;
use squall_agent::inventory;
use squall_agent::paths::Paths;
use squall_agent::shell::spawn;
use squall_real::lab::cgroup2_mount;
use squall_real::until::until;
use squall_wire::injection::{Bite, Injection};
use squall_wire::protocol::{Answer, Armed, Ask};
use squall_wire::target::Target;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

/// The program under test.
pub(crate) fn squall() -> PathBuf {
    std::env::var_os("SQUALL").map_or_else(|| "target/release/squall".into(), PathBuf::from)
}

/// A target and an agent; both end with it.
pub(crate) struct Rig {
    pub(crate) paths: Paths,
    server: Child,
    cgroup: Option<PathBuf>,
    folder: PathBuf,
}

impl Rig {
    /// Starts both and waits until they answer.
    pub(crate) fn start(port: u16) -> Rig {
        let name = format!("squall-bench-{}-{port}", std::process::id());
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).expect("a scratch folder can be made");
        let own = std::env::current_exe().expect("a program knows its own path");
        let cgroup = cgroup2_mount().map(|mount| mount.join(&name));
        let mut command = Command::new("sh");
        if let Some(path) = &cgroup {
            std::fs::create_dir_all(path).expect("a cgroup can be made");
        }
        let join = "[ -z \"$0\" ] || echo 0 > \"$0/cgroup.procs\"; exec \"$@\"";
        command.args(["-c", join]).arg(cgroup.clone().unwrap_or_default()).arg(own);
        let server = command.args(["serve", &port.to_string()]).stdin(Stdio::null()).spawn();
        let server = server.expect("the server starts");
        until("the server listens", Duration::from_secs(5), || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Rig { paths: Paths::below(&folder), server, cgroup, folder }
    }

    /// Connects to the agent, starting one where none runs.
    pub(crate) fn agent(&self) -> Client {
        spawn::ensure(&self.paths, &squall(), &["--idle-exit", "2000"], "bench")
            .expect("the agent starts")
    }

    /// The target's pid.
    pub(crate) fn pid(&self) -> u32 {
        self.server.id()
    }

    /// The target's cgroup of version 2.
    pub(crate) fn cgroup(&self) -> &std::path::Path {
        self.cgroup.as_deref().expect("figures need a mounted cgroup2 file system")
    }

    /// A folder that goes with the rig.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// The target as a plan would name it.
    pub(crate) fn target(&self) -> Target {
        let all = inventory::scan();
        let found = all.processes.into_iter().find(|p| p.process.pid == self.pid());
        let found = found.expect("the target runs");
        Target {
            name: "server-1".into(),
            service: "server".into(),
            process: found.process,
            netns: found.netns,
            cgroup: found.cgroup,
            listening: found.listening,
            probes: Vec::new(),
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
        if let Some(cgroup) = &self.cgroup {
            for _ in 0..1000 {
                if std::fs::remove_dir(cgroup).is_ok() || !cgroup.exists() {
                    break;
                }
                std::thread::yield_now();
            }
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// An injection of a fault on a target.
pub(crate) fn injection(
    target: &Target,
    id: &str,
    fault: &str,
    with: &[(&str, &str)],
) -> Injection {
    let params = with.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Injection {
        id: id.into(),
        run: "bench".into(),
        fault: fault.into(),
        params,
        filters: Default::default(),
        target: target.clone(),
        lease_ms: 5_000,
        cap_ms: 600_000,
        seed: 7,
    }
}

/// Arms, or ends the bench with the agent's reason.
pub(crate) fn arm(agent: &mut Client, injection: Injection) -> Armed {
    match agent.call(Ask::Arm { injection: Box::new(injection), radius_max: 1 }) {
        Ok(Answer::Armed(armed)) => armed,
        other => panic!("the agent did not arm: {other:?}"),
    }
}

/// What an injection of the bench shows of its effect.
pub(crate) fn bite(agent: &mut Client, id: &str) -> Bite {
    match agent.call(Ask::Bite { run: "bench".into(), injection: id.into() }) {
        Ok(Answer::Bite(bite)) => bite,
        other => panic!("the agent did not measure: {other:?}"),
    }
}

/// Disarms everything of the bench.
pub(crate) fn disarm(agent: &mut Client) -> Duration {
    match agent.call(Ask::Disarm { run: "bench".into(), injection: None }) {
        Ok(Answer::Disarmed { outcomes }) => {
            assert!(outcomes.iter().all(|o| o.residue.is_empty()), "residue: {outcomes:?}");
            Duration::from_micros(outcomes.iter().map(|o| o.took_us).max().unwrap_or(0))
        }
        other => panic!("the agent did not disarm: {other:?}"),
    }
}

/// The state letter of a process, `T` while it is stopped.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// The inner program: answers every HTTP/1.1 request with two bytes, connections kept.
pub(crate) fn serve(words: &[String]) -> ExitCode {
    let port: u16 = words.first().and_then(|w| w.parse().ok()).unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || answer(stream));
    }
    ExitCode::SUCCESS
}

fn answer(stream: TcpStream) {
    drop(stream.set_nodelay(true));
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line == "\r\n" => {
                let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                if writer.write_all(reply).is_err() {
                    return;
                }
            }
            Ok(_) => {}
        }
    }
}
