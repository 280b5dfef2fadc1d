//! Reads every process of this host into an inventory for the planner. Read-only and quick.

mod group;
mod sockets;

use rustix::fs::{Mode, OFlags, fstat, open, openat, readlinkat};
use rustix::io::Errno;
use squall_faults::sys::{process, spread};
use squall_wire::identity::ProcessIdentity;
use squall_wire::target::Inventory;
pub use squall_wire::target::Process;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Processes looked at; a host with more is sampled from the lowest pid.
pub const PROCESSES_MAX: usize = 65_536;
/// Words of a command line that are kept: enough to tell two instances apart.
const WORDS_MAX: usize = 16;
/// The longest kept word.
const WORD_BYTES_MAX: usize = 256;
/// Room for what a file of `/proc` usually holds, so that one read gets it.
const CONTENTS_BYTES: usize = 1_024;
/// No more is read: a command line may be as long as its owner likes.
const CONTENTS_BYTES_MAX: u64 = 1 << 20;

/// Scans `/proc`. Processes that end meanwhile are left out.
pub fn scan() -> Inventory {
    let own_executable = fs::read_link("/proc/self/exe").ok();
    let mut own = ancestors(std::process::id());
    let mut processes = Vec::new();
    let mut all = process::all();
    all.truncate(PROCESSES_MAX);
    all.retain(|(_, stat)| stat.state != 'Z');
    // A kernel thread has no more to say, and a host has more of them than of programs.
    let seen = spread::over(&all, |(pid, stat)| {
        (!stat.kernel).then(|| Seen::through(*pid)).flatten().unwrap_or_default()
    });
    for ((pid, stat), seen) in all.into_iter().zip(seen) {
        // The agent, its watchdog and its workers run the same file.
        if seen.executable.is_some() && seen.executable == own_executable && !own.contains(&pid) {
            own.push(pid);
        }
        let name_of = |path: &Path| path.file_name()?.to_str().map(str::to_owned);
        let cgroup = group::path(&seen.groups);
        processes.push(Process {
            process: ProcessIdentity { pid, start_ticks: stat.start_ticks },
            parent: stat.parent,
            name: stat.name,
            executable: seen.executable.as_deref().and_then(name_of).unwrap_or_default(),
            command: seen.command,
            uid: seen.uid,
            netns: seen.netns,
            unit: group::unit(&cgroup),
            container: group::container(&seen.groups),
            cgroup,
            listening: Vec::new(),
            probes: Vec::new(),
        });
    }
    let addresses = add_sockets(&mut processes);
    own.sort_unstable();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Inventory { host, processes, own, addresses }
}

/// The process and those it descends from, itself first.
fn ancestors(pid: u32) -> Vec<u32> {
    let mut out = vec![pid];
    let mut next = process::stat(pid).map(|stat| stat.parent);
    while let Some(parent) = next.filter(|parent| *parent > 0 && !out.contains(parent)) {
        out.push(parent);
        next = process::stat(parent).map(|stat| stat.parent);
    }
    out
}

/// What the folder of a program in `/proc` says.
#[derive(Default)]
struct Seen {
    executable: Option<PathBuf>,
    uid: u32,
    groups: String,
    command: Vec<String>,
    netns: u64,
}

impl Seen {
    /// Opened once, so that its path is walked once; nothing where there is no program.
    fn through(pid: u32) -> Option<Seen> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(format!("/proc/{pid}"), flags, Mode::empty()).ok()?;
        let executable = match readlinkat(&folder, "exe", Vec::new()) {
            Ok(path) => Some(PathBuf::from(OsString::from_vec(path.into_bytes()))),
            // Whoever may not look into it still sees its words.
            Err(Errno::ACCESS | Errno::PERM) => None,
            Err(_) => return None,
        };
        let text = |name| String::from_utf8_lossy(&contents(&folder, name)).into_owned();
        let netns = readlinkat(&folder, "ns/net", Vec::new()).ok();
        Some(Seen {
            executable,
            uid: fstat(&folder).map_or(0, |found| found.st_uid),
            groups: text("cgroup"),
            command: words(&text("cmdline")),
            netns: netns.and_then(|link| netns_in(link.to_str().ok()?)).unwrap_or(0),
        })
    }
}

/// A file of `/proc`, whose size is not known before it is read; nothing where it cannot be.
fn contents(folder: &OwnedFd, name: &str) -> Vec<u8> {
    let file = openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let mut bytes = Vec::with_capacity(CONTENTS_BYTES);
    // What was read before an error is as good as nothing: the process has ended.
    let read = file.map(|file| File::from(file).take(CONTENTS_BYTES_MAX).read_to_end(&mut bytes));
    if matches!(read, Ok(Ok(_))) { bytes } else { Vec::new() }
}

fn words(text: &str) -> Vec<String> {
    let words = text.split('\0').filter(|word| !word.is_empty()).take(WORDS_MAX);
    words.map(|word| word.chars().take(WORD_BYTES_MAX).collect()).collect()
}

/// The inode of a process's network namespace.
pub fn netns(pid: u32) -> Option<u64> {
    // The text is `net:[4026531840]`; no file is opened for it.
    netns_in(fs::read_link(format!("/proc/{pid}/ns/net")).ok()?.to_str()?)
}

fn netns_in(link: &str) -> Option<u64> {
    link.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// Fills in who listens where, of every namespace once. Returns the namespaces' addresses.
fn add_sockets(processes: &mut [Process]) -> BTreeMap<u64, Vec<IpAddr>> {
    let programs = processes.iter().filter(|process| !process.executable.is_empty());
    // The eldest of each, which is the last to be written: a young one may be a command that ends
    // before it is looked through.
    let eldest = programs.rev().map(|process| (process.netns, process.process.pid));
    let seen_through = eldest.collect();
    let spaces = sockets::spaces(&seen_through);
    let listens = |process: &Process| {
        let sockets = spaces.get(&process.netns).map(|space| &space.listening);
        let sockets = sockets.filter(|sockets| !sockets.is_empty());
        let Some(sockets) = sockets.filter(|_| !process.executable.is_empty()) else {
            return Vec::new();
        };
        let held = sockets::held(process.process.pid);
        let mut found: Vec<_> =
            held.iter().filter_map(|inode| sockets.get(inode)).copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let listening = spread::over(processes, listens);
    for (process, listening) in processes.iter_mut().zip(listening) {
        process.listening = listening;
    }
    let known = spaces.into_iter().filter(|(_, space)| !space.addresses.is_empty());
    known.map(|(netns, space)| (netns, space.addresses)).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn this_test_is_found_with_its_listening_sockets_and_is_its_own() {
        let four = TcpListener::bind("127.0.0.1:0").unwrap();
        let six = TcpListener::bind("[::1]:0");
        let start = squall_faults::sys::clock::monotonic_ns();
        let inventory = scan();
        let took_us = (squall_faults::sys::clock::monotonic_ns() - start) / 1_000;
        println!("{} processes in {took_us} µs", inventory.processes.len());
        let pid = std::process::id();
        let own = inventory.processes.iter().find(|p| p.process.pid == pid).unwrap();
        assert!(own.listening.contains(&four.local_addr().unwrap()));
        if let Ok(six) = six {
            assert!(own.listening.contains(&six.local_addr().unwrap()));
        }
        assert_eq!(own.netns, netns(pid).unwrap());
        if squall_faults::sys::netns::Netns::seen(pid).and_then(|own| own.enter()).is_ok() {
            let loopback: IpAddr = [127, 0, 0, 1].into();
            assert!(inventory.addresses[&own.netns].contains(&loopback));
        }
        assert!(own.cgroup.starts_with('/'));
        assert!(inventory.own.contains(&pid) && inventory.own.contains(&own.parent));
        assert!(!inventory.host.is_empty());
    }
}
