//! A child process that does a fault's work: how it is started and held, and its own main
//! function. What it does is the fault's own ([`Effect::work`]).
//!
//! It dies with the thread that started it, with its input, or at the end of its lease, whichever
//! comes first, and its command line carries a token by which an undo finds it.
//!
//! [`Effect::work`]: crate::effect::Effect::work

mod counter;
mod inner;
pub(crate) mod job;

use crate::effect::{EffectError, LeaseEnd};
use crate::sys::cgroup::{self, Group};
use crate::sys::process::{self, Handle, system};
use crate::sys::{bpf, clock};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;
use rustix::time::Timespec;
use serde::{Deserialize, Serialize};
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::Injection;
use squall_wire::receipt::Receipt;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(crate) use counter::Counter;
pub use inner::{Leash, main};

/// The hidden first argument that makes a binary a worker.
pub const WORK_ARGUMENT: &str = "__squall-work";
/// Its name in lists of processes.
pub const WORK_NAME: &str = "squall-work";

/// How long a worker may take until it says that it is ready: the start of a program.
const READY_NS_MAX: u64 = 3_000_000_000;
/// How long an end waits for a killed worker to be gone.
const GONE_NS_MAX: u64 = 1_000_000_000;
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_micros(200);
/// What a worker says when its work begins, and when it could not be done.
const READY: &str = "ready\n";
const FAILED: &str = "failed ";
/// A longer reason is cut.
const REASON_BYTES_MAX: usize = 4096;

/// How a worker is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Arguments before [`WORK_ARGUMENT`].
    pub arguments: Vec<String>,
}

static PROGRAM: OnceLock<Program> = OnceLock::new();

/// Names another executable than this process's own; the first call wins. Its main function
/// must call [`main`] with what follows [`WORK_ARGUMENT`].
pub fn work_with(program: Program) {
    let _first_wins = PROGRAM.set(program);
}

/// What undoes a fault that a worker does: ending the worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undo {
    /// The argument by which the worker is found.
    pub(crate) token: String,
}

impl Undo {
    pub(crate) fn of(injection: &Injection) -> Undo {
        let hash = bpf::token(&injection.run, &injection.id);
        Undo { token: format!("{}-{}-{hash:016x}", injection.run, injection.id) }
    }

    pub(crate) fn value(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("invariant: an undo is JSON-safe")
    }

    pub(crate) fn read(receipt: &Receipt) -> Result<Undo, EffectError> {
        let undo = Undo::deserialize(&receipt.undo);
        undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
    }

    /// Ends the worker, whoever started it.
    pub(crate) fn end(&self) -> Result<(), EffectError> {
        for worker in self.workers() {
            match Handle::open(worker).and_then(|handle| handle.signal(Signal::KILL)) {
                Ok(()) | Err(EffectError::TargetGone) => {}
                Err(error) => return Err(error),
            }
        }
        let end = clock::monotonic_ns() + GONE_NS_MAX;
        while !self.workers().is_empty() && clock::monotonic_ns() < end {
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// What is still there of it.
    pub(crate) fn residue(&self) -> Vec<String> {
        self.workers().iter().map(|worker| format!("pid {} still works", worker.pid)).collect()
    }

    /// The command for a person.
    pub(crate) fn advice(&self) -> String {
        let pids: Vec<_> = self.workers().iter().map(|own| own.pid.to_string()).collect();
        format!("kill -KILL {}", pids.join(" "))
    }

    fn workers(&self) -> Vec<ProcessIdentity> {
        let is_meant = |pid: u32| {
            let words = process::command_line(pid);
            words.windows(2).any(|pair| pair[0] == WORK_ARGUMENT && pair[1] == self.token)
        };
        let all = process::all().into_iter().filter(|(_, stat)| stat.state != 'Z');
        let all = all.filter(|(pid, _)| is_meant(*pid));
        all.map(|(pid, stat)| ProcessIdentity { pid, start_ticks: stat.start_ticks }).collect()
    }
}

/// What a worker is to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    /// Makes it findable in the list of processes.
    pub(crate) token: String,
    /// Whose work it is.
    pub(crate) fault: &'static str,
    /// What the fault told it, in the fault's own order.
    pub(crate) words: Vec<String>,
    /// What the out-of-memory killer makes of it: 1000 is taken first of all.
    pub(crate) oom_score: i32,
}

impl Task {
    fn arguments(&self) -> Vec<String> {
        let own = [WORK_ARGUMENT, &self.token, self.fault, &self.oom_score.to_string()];
        own.into_iter().map(str::to_owned).chain(self.words.iter().cloned()).collect()
    }
}

/// A worker at work; dropping it ends it.
pub(crate) struct Worker {
    pid: u32,
    input: ChildStdin,
    output: ChildStdout,
    since_ns: u64,
    groups: String,
    /// Dropped to end the worker.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a worker in these groups. It does nothing before it has its first lease.
    pub(crate) fn start(
        task: &Task,
        groups: &[Group],
        lease: LeaseEnd,
    ) -> Result<Worker, EffectError> {
        let named = groups.iter().filter(|group| group.path != "/").map(|group| &group.path);
        let named: std::collections::BTreeSet<_> = named.collect();
        let named: Vec<_> = named.into_iter().map(String::as_str).collect();
        let names = if named.is_empty() { "/".to_owned() } else { named.join(", ") };
        let Started { pid, input, output, end, thread } =
            spawn(task).map_err(system("start the worker"))?;
        let mut worker = Worker {
            pid,
            input,
            output,
            since_ns: clock::monotonic_ns(),
            groups: names,
            end: Some(end),
            thread: Some(thread),
        };
        cgroup::join(pid, groups)?;
        worker.extend(lease)?;
        worker.until_ready()?;
        worker.since_ns = clock::monotonic_ns();
        Ok(worker)
    }

    /// Moves the end of its lease.
    pub(crate) fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        match self.input.write_all(&lease.boottime_ns.to_ne_bytes()) {
            // It still has earlier renewals to read; frozen, it does no work either.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            sent => sent.map_err(system("renew the worker's lease")),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// How long it has been at work.
    pub(crate) fn age_ns(&self) -> u64 {
        clock::monotonic_ns().saturating_sub(self.since_ns).max(1)
    }

    /// The CPU time it has used.
    pub(crate) fn cpu_ns(&self) -> u64 {
        clock::process_cpu_ns(self.pid).unwrap_or(0)
    }

    /// The groups it is in, for people.
    pub(crate) fn groups(&self) -> &str {
        &self.groups
    }

    /// What it has counted under a name so far.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        counter::read(self.pid, name).unwrap_or(0)
    }

    /// Why it is not at work any more, if so.
    pub(crate) fn gone(&mut self) -> Option<String> {
        let dead = process::stat(self.pid).is_none_or(|stat| matches!(stat.state, 'Z' | 'X'));
        if !dead {
            return None;
        }
        let mut said = Vec::new();
        // A pipe whose writer is gone never blocks.
        let _cut = (&mut self.output).take(REASON_BYTES_MAX as u64).read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said).into_owned();
        Some(match said.split_once(FAILED) {
            Some((_, reason)) => reason.trim().to_owned(),
            None => "the worker is gone: it was killed, or its lease ran out".to_owned(),
        })
    }

    fn until_ready(&mut self) -> Result<(), EffectError> {
        let end = clock::monotonic_ns() + READY_NS_MAX;
        let mut said = Vec::new();
        // What the program prints before its main function has begun is not the worker's.
        while !said.ends_with(READY.as_bytes()) {
            let left_ns = end.saturating_sub(clock::monotonic_ns());
            let wait = Timespec {
                tv_sec: i64::try_from(left_ns / 1_000_000_000).unwrap_or(0),
                tv_nsec: i64::try_from(left_ns % 1_000_000_000).unwrap_or(0),
            };
            let mut ends = [PollFd::new(&self.output, PollFlags::IN)];
            let ready = poll(&mut ends, Some(&wait)).unwrap_or(0);
            if ready == 0 && left_ns == 0 {
                let text = "its worker did not begin within 3 s: the target's cgroup is frozen, or \
                            has no time left";
                return Err(EffectError::InTheWay(text.to_owned()));
            }
            if ready == 0 {
                continue;
            }
            let mut byte = [0; 1];
            match self.output.read(&mut byte) {
                Ok(1) if said.len() < REASON_BYTES_MAX => said.push(byte[0]),
                _ => {
                    let text = "its worker was killed before it began: the target's cgroup has no \
                                memory or no process to spare";
                    return Err(EffectError::InTheWay(text.to_owned()));
                }
            }
        }
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.end.take());
        // The thread kills and reaps; its own panic would still end the worker.
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

struct Started {
    pid: u32,
    input: ChildStdin,
    output: ChildStdout,
    end: Sender<()>,
    thread: JoinHandle<()>,
}

/// Starts the worker from a thread that lives as long as it: the kernel ties the worker's life
/// to the thread that started it, not to the process.
fn spawn(task: &Task) -> io::Result<Started> {
    let (started, wait_started) = channel();
    let (end, wait_end) = channel::<()>();
    let task = task.clone();
    let body = move || {
        let mut child = match start(&task) {
            Ok(child) => child,
            Err(error) => return drop(started.send(Err(error))),
        };
        let input = child.stdin.take().expect("invariant: the input is piped");
        let output = child.stdout.take().expect("invariant: the output is piped");
        // A worker that is frozen with its target reads nothing; a renewal must not wait for it.
        let _checked_by_the_write = rustix::io::ioctl_fionbio(&input, true);
        if started.send(Ok((child.id(), input, output))).is_ok() {
            // Nothing is ever sent; the holder drops its end.
            let _dropped = wait_end.recv();
        }
        end_child(&mut child);
    };
    let thread = thread::Builder::new().name("squall-worker".to_owned()).spawn(body)?;
    let died = |_| Err(io::Error::other("the thread died"));
    let (pid, input, output) = wait_started.recv().unwrap_or_else(died)?;
    Ok(Started { pid, input, output, end, thread })
}

fn end_child(child: &mut Child) {
    // One that ended by itself can be neither killed nor waited for in vain.
    let _ended = child.kill();
    let _reaped = child.wait();
}

/// Starts a worker that waits for its first lease. It dies with the calling thread.
fn start(task: &Task) -> io::Result<Child> {
    let own = || Program { path: "/proc/self/exe".into(), arguments: Vec::new() };
    let program = PROGRAM.get_or_init(own);
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).args(task.arguments());
    command.env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let parent = rustix::process::getpid();
    let die_with_parent = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // A parent that died before the line above sends nothing any more.
        match rustix::process::getppid() {
            Some(now) if now == parent => Ok(()),
            _ => Err(io::Error::other("the parent is gone")),
        }
    };
    // SAFETY: between fork and exec only two system calls are made; nothing allocates but the
    // error of a child that will not run.
    unsafe { command.pre_exec(die_with_parent) };
    command.spawn()
}

/// Reads what [`Task::arguments`] wrote, after [`WORK_ARGUMENT`].
fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<(String, i32, Vec<String>)> {
    let mut next = || arguments.next()?.into_string().ok();
    let (_token, fault, oom_score) = (next()?, next()?, next()?.parse().ok()?);
    let mut words = Vec::new();
    for word in arguments {
        words.push(word.into_string().ok()?);
    }
    Some((fault, oom_score, words))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn arguments_read_back_and_nonsense_is_no_task() {
        let words = vec!["0.25".to_owned(), "3".to_owned()];
        let task = Task { token: "t".to_owned(), fault: "cpu.load", words, oom_score: 1000 };
        let parse = |words: &[String]| super::parse(words.iter().map(OsString::from));
        let read = parse(&task.arguments()[1..]).unwrap();
        assert_eq!(read, (task.fault.to_owned(), 1000, task.words));
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for bad in ["t cpu.load x", "t cpu.load", "t", ""] {
            assert_eq!(parse(&words(bad)), None, "{bad}");
        }
    }
}
