//! The sweeper: a second process that takes the demo away. It reads from the demo what there is,
//! and acts when the demo's end of the pipe closes: at the end, on Ctrl-C and on kill -9 alike.

use crate::command;
use std::fs;
use std::io::{BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// A stopped `squall run` restores within its lease of five seconds, and then writes its report.
const RESTORE_MAX: Duration = Duration::from_secs(20);
/// The shop's services let requests in flight finish for three seconds.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// The kernel needs a moment to notice that a cgroup's last process is gone.
const EMPTY_MAX: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);

/// The demo's end of the pipe.
pub(super) struct Sweeper {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Sweeper {
    /// Starts it in a process group of its own, so that Ctrl-C does not reach it.
    pub(super) fn start() -> Result<Sweeper, String> {
        let own = std::env::current_exe().map_err(|e| format!("own program: {e}"))?;
        let mut child = Command::new(own)
            .arg("demo-sweep")
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|e| format!("the sweeper did not start: {e}"))?;
        let stdin = child.stdin.take();
        Ok(Sweeper { child, stdin })
    }

    /// A namespace that is about to be made.
    pub(super) fn netns(&mut self, name: &str) -> Result<(), String> {
        self.tell(&format!("netns {name}"))
    }

    /// A cgroup that is about to be made.
    pub(super) fn cgroup(&mut self, path: &Path) -> Result<(), String> {
        self.tell(&format!("cgroup {}", path.display()))
    }

    /// A folder that is about to be made, by whoever.
    pub(super) fn folder(&mut self, path: &Path) -> Result<(), String> {
        self.tell(&format!("folder {}", path.display()))
    }

    /// A process that must end by itself first: it puts the shop back.
    pub(super) fn wait_for(&mut self, pid: u32) -> Result<(), String> {
        self.tell(&format!("wait {pid}"))
    }

    /// Has everything taken away, and waits for it.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        self.stdin = None;
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err("the demo left something behind, see above".to_owned()),
            Err(e) => Err(format!("the sweeper: {e}")),
        }
    }

    fn tell(&mut self, line: &str) -> Result<(), String> {
        let stdin = self.stdin.as_mut().expect("invariant: told before the finish");
        writeln!(stdin, "{line}").map_err(|e| format!("the sweeper is gone: {e}"))
    }
}

/// What the demo made.
#[derive(Debug, Default, PartialEq, Eq)]
struct Made {
    netns: Vec<String>,
    cgroups: Vec<String>,
    folders: Vec<String>,
    waits: Vec<u32>,
}

impl Made {
    fn read(lines: impl Iterator<Item = String>) -> Made {
        let mut made = Made::default();
        for line in lines {
            match line.split_once(' ') {
                Some(("netns", name)) => made.netns.push(name.to_owned()),
                Some(("cgroup", path)) if !made.cgroups.iter().any(|c| c == path) => {
                    made.cgroups.push(path.to_owned());
                }
                Some(("folder", path)) => made.folders.push(path.to_owned()),
                Some(("wait", pid)) => made.waits.extend(pid.parse::<u32>()),
                _ => {}
            }
        }
        made
    }
}

/// The sweeper's whole life.
pub(crate) fn sweep() -> Result<(), String> {
    let made = Made::read(std::io::stdin().lock().lines().map_while(Result::ok));
    // A run that outlives the demo, since that was killed, is asked to restore now. Only members of
    // the namespace are asked: another process may have got an old pid.
    let inside: Vec<u32> = made.netns.iter().flat_map(|name| members(name)).collect();
    let runs: Vec<u32> = made.waits.iter().copied().filter(|pid| inside.contains(pid)).collect();
    signal("-TERM", &runs);
    until(RESTORE_MAX, || runs.iter().all(|pid| ended(*pid)));
    let mut left = Vec::new();
    for name in &made.netns {
        // Everything in this namespace was started by the demo: nobody else knows of it.
        signal("-TERM", &members(name));
        until(DRAIN_MAX, || members(name).is_empty());
        signal("-KILL", &members(name));
        until(EMPTY_MAX, || members(name).is_empty());
        if exists(name) && !command::succeeds("ip", &["netns", "del", name]) {
            left.push(format!("network namespace {name}"));
        }
    }
    // The last made is the innermost.
    for path in made.cgroups.iter().rev() {
        until(EMPTY_MAX, || fs::remove_dir(path).is_ok() || !Path::new(path).exists());
        if Path::new(path).exists() {
            left.push(format!("cgroup {path}"));
        }
    }
    if left.is_empty() {
        // Receipts are kept where something is left: they say how to undo it.
        made.folders.iter().for_each(|folder| drop(fs::remove_dir_all(folder)));
        println!("demo: all services ended, namespace and cgroups removed");
        return Ok(());
    }
    Err(format!("left behind: {}", left.join(", ")))
}

fn exists(netns: &str) -> bool {
    Path::new("/run/netns").join(netns).exists()
}

/// The processes in a namespace that still run.
fn members(netns: &str) -> Vec<u32> {
    if !exists(netns) {
        return Vec::new();
    }
    let pids = command::read(Command::new("ip").args(["netns", "pids", netns])).unwrap_or_default();
    pids.lines().filter_map(|pid| pid.trim().parse().ok()).filter(|pid| !ended(*pid)).collect()
}

fn signal(signal: &str, pids: &[u32]) {
    for pid in pids {
        command::succeeds("kill", &[signal, &pid.to_string()]);
    }
}

/// Whether a process is gone, or only waits for its parent to read its exit code.
fn ended(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
        // The state follows the name, which may hold anything, in brackets.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
    })
}

fn until(most: Duration, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() && begin.elapsed() < most {
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    #[test]
    fn lines_are_read() {
        let lines =
            ["netns a", "cgroup /c", "cgroup /c/x", "cgroup /c", "folder /f", "wait 7", "wait x"];
        let made = Made::read(lines.into_iter().map(str::to_owned));
        let cgroups = vec!["/c".to_owned(), "/c/x".to_owned()];
        let (netns, folders) = (vec!["a".to_owned()], vec!["/f".to_owned()]);
        assert_eq!(made, Made { netns, cgroups, folders, waits: vec![7] });
    }

    #[test]
    fn a_zombie_has_ended() {
        assert!(!ended(std::process::id()));
        let mut child = Command::new("true").spawn().unwrap();
        until(EMPTY_MAX, || ended(child.id()));
        assert!(ended(child.id()));
        child.wait().unwrap();
        assert!(ended(child.id()));
    }
}
