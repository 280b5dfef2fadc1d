//! Reads every process of this host into an inventory for the planner. Read-only and quick.

mod group;
mod sockets;

use squall_faults::sys::process;
use squall_wire::identity::ProcessIdentity;
use squall_wire::target::Inventory;
pub use squall_wire::target::Process;
use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;

/// Processes looked at; a host with more is sampled from the lowest pid.
pub const PROCESSES_MAX: usize = 65_536;
/// Words of a command line that are kept: enough to tell two instances apart.
const WORDS_MAX: usize = 16;
/// The longest kept word.
const WORD_BYTES_MAX: usize = 256;

/// Scans `/proc`. Processes that end meanwhile are left out.
pub fn scan() -> Inventory {
    let own_executable = fs::read_link("/proc/self/exe").ok();
    let mut own = ancestors(std::process::id());
    let mut processes = Vec::new();
    for (pid, stat) in process::all().into_iter().take(PROCESSES_MAX) {
        if stat.state == 'Z' {
            continue;
        }
        let link = fs::read_link(format!("/proc/{pid}/exe"));
        // Whoever may not look into it still sees its words.
        let is_hidden = |why: &std::io::Error| why.kind() == std::io::ErrorKind::PermissionDenied;
        let is_program = link.as_ref().map_or_else(is_hidden, |_| true);
        let executable = link.ok();
        // The agent, its watchdog and its workers run the same file.
        if executable.is_some() && executable == own_executable && !own.contains(&pid) {
            own.push(pid);
        }
        let name_of = |path: &std::path::Path| path.file_name()?.to_str().map(str::to_owned);
        // A kernel thread has no more to say, and a host has more of them than of programs.
        let groups = is_program.then(|| fs::read_to_string(format!("/proc/{pid}/cgroup")).ok());
        let groups = groups.flatten().unwrap_or_default();
        let owner = is_program.then(|| fs::metadata(format!("/proc/{pid}")).ok()).flatten();
        let cgroup = group::path(&groups);
        processes.push(Process {
            process: ProcessIdentity { pid, start_ticks: stat.start_ticks },
            parent: stat.parent,
            name: stat.name,
            executable: executable.as_deref().and_then(name_of).unwrap_or_default(),
            command: if is_program { command(pid) } else { Vec::new() },
            uid: owner.map_or(0, |found| found.uid()),
            netns: is_program.then(|| netns(pid)).flatten().unwrap_or(0),
            unit: group::unit(&cgroup),
            container: group::container(&groups),
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

fn command(pid: u32) -> Vec<String> {
    let words = process::command_line(pid).into_iter().take(WORDS_MAX);
    words.map(|word| word.chars().take(WORD_BYTES_MAX).collect()).collect()
}

/// The inode of a process's network namespace.
pub fn netns(pid: u32) -> Option<u64> {
    // The text is `net:[4026531840]`; no file is opened for it.
    let link = fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
    let text = link.to_str()?;
    text.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// Fills in who listens where, of every namespace once. Returns the namespaces' addresses.
fn add_sockets(processes: &mut [Process]) -> BTreeMap<u64, Vec<IpAddr>> {
    let programs = processes.iter().filter(|process| !process.executable.is_empty());
    // The eldest of each, which is the last to be written: a young one may be a command that ends
    // before it is looked through.
    let eldest = programs.rev().map(|process| (process.netns, process.process.pid));
    let seen_through = eldest.collect();
    let spaces = sockets::spaces(&seen_through);
    for process in processes.iter_mut().filter(|process| !process.executable.is_empty()) {
        let sockets = spaces.get(&process.netns).map(|space| &space.listening);
        let Some(sockets) = sockets.filter(|sockets| !sockets.is_empty()) else { continue };
        let held = sockets::held(process.process.pid);
        let mut found: Vec<_> =
            held.iter().filter_map(|inode| sockets.get(inode)).copied().collect();
        found.sort_unstable();
        found.dedup();
        process.listening = found;
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
