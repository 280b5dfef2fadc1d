//! Processes that cannot be mistaken for another: identity, state, signals.

use crate::effect::EffectError;
use crate::sys::spread;
use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Signal, pidfd_getfd, pidfd_open, pidfd_send_signal,
};
use squall_wire::identity::ProcessIdentity;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;

/// More than any line of `/proc/PID/stat` has: 52 numbers and a short name.
const STAT_BYTES_MAX: usize = 2_048;
/// `PF_KTHREAD` of the kernel's `sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What `/proc/PID/stat` says of a process or a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// `comm`, at most 15 bytes.
    pub name: String,
    /// The state letter: `R`, `S`, `D`, `T` stopped, `t` traced, `Z` dead.
    pub state: char,
    /// The parent.
    pub parent: u32,
    /// True for a thread of the kernel, which runs no program.
    pub kernel: bool,
    /// User and system time in clock ticks.
    pub cpu_ticks: u64,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
}

/// Reads a process; `None` when it is gone.
pub fn stat(pid: u32) -> Option<Stat> {
    read_stat(Path::new(&format!("/proc/{pid}/stat")))
}

/// By one read into a buffer that holds any: a host has hundreds of processes, and looking through
/// them all is most of a fingerprint.
fn read_stat(path: &Path) -> Option<Stat> {
    let mut line = [0; STAT_BYTES_MAX];
    let read = File::open(path).ok()?.read(&mut line).ok()?;
    parse_stat(&String::from_utf8_lossy(&line[..read]))
}

/// The name may hold spaces and parentheses, so fields are counted from the last one.
pub(crate) fn parse_stat(line: &str) -> Option<Stat> {
    let (open, close) = (line.find('(')?, line.rfind(')')?);
    let name = line.get(open + 1..close)?.to_owned();
    let mut fields = line.get(close + 1..)?.split_ascii_whitespace();
    // The first field after the name is number 3 of proc(5), and what is read comes in order.
    let state = fields.next()?.chars().next()?;
    let mut next = 4;
    let mut number = |at: usize| {
        let skipped = at - std::mem::replace(&mut next, at + 1);
        fields.nth(skipped)?.parse::<u64>().ok()
    };
    Some(Stat {
        name,
        state,
        parent: u32::try_from(number(4)?).ok()?,
        kernel: number(9)? & KERNEL_THREAD != 0,
        cpu_ticks: number(14)?.saturating_add(number(15)?),
        start_ticks: number(22)?,
    })
}

/// Who a pid is now.
pub fn identity(pid: u32) -> Option<ProcessIdentity> {
    let stat = stat(pid).filter(|stat| stat.state != 'Z')?;
    Some(ProcessIdentity { pid, start_ticks: stat.start_ticks })
}

/// The states of all threads of a process.
pub fn thread_states(pid: u32) -> Vec<char> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let state = |entry: fs::DirEntry| Some(read_stat(&entry.path().join("stat"))?.state);
    threads.flatten().filter_map(state).collect()
}

/// All processes that can be read, with their pids.
pub fn all() -> Vec<(u32, Stat)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let pids: Vec<u32> = entries.flatten().filter_map(pid).collect();
    spread::over(&pids, |pid| Some((*pid, stat(*pid)?))).into_iter().flatten().collect()
}

/// The descendants of a process, parents first.
pub fn descendants(root: u32) -> Vec<ProcessIdentity> {
    descendants_among(&all(), root)
}

/// The same among processes that were read before.
pub(crate) fn descendants_among(all: &[(u32, Stat)], root: u32) -> Vec<ProcessIdentity> {
    let mut found = vec![root];
    let mut at = 0;
    let mut out = Vec::new();
    while let Some(&parent) = found.get(at) {
        for (pid, stat) in all.iter().filter(|(_, stat)| stat.parent == parent) {
            // A process cannot be its own ancestor, but procfs is not read in one moment.
            if !found.contains(pid) && stat.state != 'Z' {
                found.push(*pid);
                out.push(ProcessIdentity { pid: *pid, start_ticks: stat.start_ticks });
            }
        }
        at += 1;
    }
    out
}

/// Refuses Squall itself and whatever started it: stopped or cut off, it could restore nothing.
///
/// # Errors
/// [`EffectError::InTheWay`].
pub(crate) fn refuse_own(target: ProcessIdentity) -> Result<(), EffectError> {
    // Read once: whoever dies is replaced by one that is further up, and so among them already.
    static OWN: OnceLock<Vec<ProcessIdentity>> = OnceLock::new();
    if OWN.get_or_init(line).contains(&target) {
        let text = format!("pid {} is Squall itself or started it", target.pid);
        return Err(EffectError::InTheWay(text));
    }
    Ok(())
}

/// This process and those it descends from.
fn line() -> Vec<ProcessIdentity> {
    let mut line = Vec::new();
    let mut next = Some(std::process::id());
    while let Some(pid) = next {
        let Some(stat) = stat(pid) else { break };
        line.push(ProcessIdentity { pid, start_ticks: stat.start_ticks });
        next = Some(stat.parent).filter(|&parent| parent > 0);
    }
    line
}

/// True where pids here are the pids that BPF programs see.
pub(crate) fn in_first_pid_namespace() -> bool {
    /// The kernel's fixed inode of the first pid namespace.
    const FIRST: u64 = 0xEFFF_FFFC;
    fs::metadata("/proc/self/ns/pid").is_ok_and(|meta| meta.ino() == FIRST)
}

/// Who traces a process, if anyone.
pub fn tracer(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
    line.trim().parse().ok().filter(|&tracer| tracer != 0)
}

/// The inodes of all sockets that some processes have open.
pub(crate) fn sockets(pids: &[u32]) -> BTreeSet<u64> {
    let inode = |entry: fs::DirEntry| {
        let link = fs::read_link(entry.path()).ok()?;
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    let open = |pid: &u32| fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    pids.iter().flat_map(open).filter_map(inode).collect()
}

/// Gives this process a name for lists of processes, whichever thread this is. Started as
/// `/proc/self/exe`, it would be called `exe`, and nobody, another agent included, would know it
/// for Squall's.
pub fn call_itself(name: &str) {
    // A kernel that refuses it hurts nothing here: two runs at one time are told apart less well.
    let _named = fs::write("/proc/self/comm", name);
}

/// The words of a command line.
pub fn command_line(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// A descriptor of exactly one process: signals through it never reach a reused pid.
#[derive(Debug)]
pub struct Handle {
    process: ProcessIdentity,
    descriptor: OwnedFd,
}

impl Handle {
    /// Opens a process that is still the one meant.
    ///
    /// # Errors
    /// [`EffectError::TargetGone`] when it ended or the pid is another process now.
    pub fn open(process: ProcessIdentity) -> Result<Handle, EffectError> {
        let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(EffectError::TargetGone)?;
        let descriptor = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(descriptor) => descriptor,
            Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => {
                return Err(EffectError::TargetGone);
            }
            Err(error) => return Err(system("open the process")(error.into())),
        };
        // Checked after opening: what the descriptor holds can no longer change.
        match identity(process.pid) {
            Some(found) if found == process => Ok(Handle { process, descriptor }),
            _ => Err(EffectError::TargetGone),
        }
    }

    /// The process.
    pub fn process(&self) -> ProcessIdentity {
        self.process
    }

    /// Makes another descriptor of one that the process has open.
    ///
    /// # Errors
    /// When it is not open any more, or without the privilege.
    pub(crate) fn duplicate(&self, descriptor: i32) -> std::io::Result<OwnedFd> {
        Ok(pidfd_getfd(&self.descriptor, descriptor, PidfdGetfdFlags::empty())?)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// [`EffectError::TargetGone`] when it ended meanwhile.
    pub fn signal(&self, signal: Signal) -> Result<(), EffectError> {
        match pidfd_send_signal(&self.descriptor, signal) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::SRCH) => Err(EffectError::TargetGone),
            Err(error) => Err(system("send a signal")(error.into())),
        }
    }
}

/// Names the step that failed.
pub(crate) fn system(step: &'static str) -> impl FnOnce(std::io::Error) -> EffectError {
    move |source| EffectError::System { step, source }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_is_read() {
        let tail = "1 7 7 0 -1 4194560 1 2 3 4 50 8 0 0 20 0 1 0 987654 1 2 3";
        let stat = parse_stat(&format!("42 (a) b (c)) S {tail}")).unwrap();
        assert_eq!(stat.name, "a) b (c)");
        assert_eq!((stat.state, stat.parent, stat.cpu_ticks), ('S', 1, 58));
        assert_eq!((stat.start_ticks, stat.kernel), (987_654, false));
        let kernel = "42 (kworker/0:0) I 2 0 0 0 -1 69238880 0 0 0 0 5 6 0 0 20 0 1 0 9 0 0";
        let stat = parse_stat(kernel).unwrap();
        assert_eq!((stat.cpu_ticks, stat.start_ticks, stat.kernel), (11, 9, true));
        assert_eq!(parse_stat("42 (x"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn squall_and_whoever_started_it_are_refused() {
        let own = identity(std::process::id()).unwrap();
        let parent = identity(stat(own.pid).unwrap().parent).unwrap();
        for one in [own, parent] {
            assert!(matches!(refuse_own(one), Err(EffectError::InTheWay(_))));
        }
        let other = ProcessIdentity { start_ticks: own.start_ticks + 1, ..own };
        assert!(refuse_own(other).is_ok());
    }

    #[test]
    fn another_start_time_is_another_process() {
        let own = identity(std::process::id()).unwrap();
        assert!(Handle::open(own).is_ok());
        let other = ProcessIdentity { start_ticks: own.start_ticks + 1, ..own };
        assert!(matches!(Handle::open(other), Err(EffectError::TargetGone)));
        assert!(matches!(
            Handle::open(ProcessIdentity { pid: 0, start_ticks: 0 }),
            Err(EffectError::TargetGone)
        ));
    }
}
