//! What Squall's own processes hold around the given ones: sockets that listen, files and the disk
//! under them; and where the given processes live.

use super::Facts;
use crate::sys::netns::Netns;
use crate::sys::process;
use crate::sys::sock_diag::{self, TcpSocket};
use crate::sys::worker::WORK_ARGUMENT;
use squall_wire::fingerprint::OF_TARGET;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Folders in which a target's debris would lie.
const SCRATCH: &[&str] = &["dev/shm", "tmp", "var/tmp"];
/// What the name of any file of Squall begins with, behind a dot or not.
const MARK: &str = "squall";
/// A socket that listens: `TCP_LISTEN` in `net/tcp_states.h`.
const LISTENS: &str = "0A";
/// The kinds of namespaces a process lives in.
const SPACES: &[&str] = &["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

/// This process, its workers, and those whose parent is gone.
pub(super) fn processes(all: &[(u32, process::Stat)]) -> Vec<u32> {
    let own = std::process::id();
    let is_near = |stat: &process::Stat| stat.parent == own || stat.parent <= 1;
    let works = |(pid, stat): &&(u32, process::Stat)| {
        stat.name.starts_with(MARK)
            && stat.state != 'Z'
            && is_near(stat)
            && process::command_line(*pid).iter().any(|word| word == WORK_ARGUMENT)
    };
    let workers = all.iter().filter(works).map(|(pid, _)| *pid);
    [own].into_iter().chain(workers).collect()
}

/// Ports that Squall serves over TCP in the namespaces of the given processes. Sockets over UDP are
/// no facts: after a fault on names they go on for up to 10 s, for clients that had connected
/// theirs, and then end by themselves.
pub(super) fn sockets(pids: &[u32], own: &[u32]) -> Facts {
    let ours = process::sockets(own);
    let mut facts = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for pid in pids {
        let Ok(netns) = Netns::seen(*pid) else { continue };
        if !seen.insert(netns.inode()) {
            continue;
        }
        // The tables in /proc list every socket and take milliseconds; they are for kernels
        // without a socket monitor.
        let found = match netns.inside(sock_diag::listening) {
            Ok(Ok(listening)) => served_among(&listening, &ours),
            _ => served_in_tables(*pid, &ours)?,
        };
        facts.extend(found.into_iter().map(|port| format!("net:[{}] {port}", netns.inode())));
    }
    Ok(facts.into_iter().collect())
}

fn served_among(listening: &[TcpSocket], ours: &BTreeSet<u64>) -> Vec<String> {
    let own = listening.iter().filter(|socket| ours.contains(&u64::from(socket.inode)));
    own.map(|TcpSocket { local, .. }| {
        let table = if local.is_ipv6() { "tcp6" } else { "tcp" };
        format!("{table} {local}")
    })
    .collect()
}

fn served_in_tables(pid: u32, ours: &BTreeSet<u64>) -> Facts {
    let mut facts = Vec::new();
    for table in ["tcp", "tcp6"] {
        match fs::read_to_string(format!("/proc/{pid}/net/{table}")) {
            Ok(text) => {
                let found = text.lines().skip(1).filter_map(|line| served(line, ours));
                facts.extend(found.map(|at| format!("{table} {at}")));
            }
            // Without IPv6, or with the process gone, there is no such table.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(facts)
}

/// A line of `/proc/net/tcp`: number, local, remote, state, …, inode.
fn served(line: &str, ours: &BTreeSet<u64>) -> Option<String> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let inode: u64 = fields.get(9)?.parse().ok()?;
    let is_ours = *fields.get(3)? == LISTENS && ours.contains(&inode);
    is_ours.then(|| address(fields[1])).flatten()
}

/// `0100007F:1F90`: words in the machine's order.
fn address(text: &str) -> Option<String> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| Some(u32::from_str_radix(host.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip: IpAddr = match host.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?).into()
        }
        _ => return None,
    };
    Some(std::net::SocketAddr::new(ip, port).to_string())
}

/// Files on a disk that workers hold open, and the room they take there. They have no name: the
/// room is free when the worker ends.
pub(super) fn held_files(own: &[u32]) -> Facts {
    let mut facts = Vec::new();
    for pid in own.iter().filter(|pid| **pid != std::process::id()) {
        let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        for entry in open.flatten() {
            let (Ok(link), Ok(meta)) = (fs::read_link(entry.path()), fs::metadata(entry.path()))
            else {
                continue;
            };
            let text = link.to_string_lossy();
            if meta.is_file() && meta.nlink() == 0 && !text.starts_with("/memfd:") {
                let folder = link.parent().unwrap_or(Path::new("/")).display();
                let mib = (meta.blocks() * 512) >> 20;
                facts.push(format!("without a name in {folder}, {mib} MiB{OF_TARGET}"));
            }
        }
    }
    Ok(facts)
}

/// Files and folders with Squall's name where Squall and each of the processes keep what is short
/// of life.
pub(super) fn named_files(pids: &[u32]) -> Facts {
    let mut facts = BTreeSet::new();
    let roots = pids.iter().map(|pid| format!("/proc/{pid}/root"));
    for root in roots.chain([String::new()]) {
        for folder in SCRATCH {
            let Ok(entries) = fs::read_dir(format!("{root}/{folder}")) else { continue };
            let names = entries.flatten().map(|entry| entry.file_name());
            let names = names.map(|name| name.to_string_lossy().into_owned());
            let ours = names.filter(|name| name.trim_start_matches('.').starts_with(MARK));
            facts.extend(ours.map(|name| format!("/{folder}/{name}")));
        }
    }
    Ok(facts.into_iter().collect())
}

/// Where the processes live: a fault that moved one to another namespace or group shows.
pub(super) fn places(pids: &[u32]) -> Vec<String> {
    let mut facts = Vec::new();
    for pid in pids {
        let space = |name: &&str| fs::read_link(format!("/proc/{pid}/ns/{name}")).ok();
        let spaces = SPACES.iter().filter_map(space);
        facts.extend(spaces.map(|link| format!("pid {pid} {}", link.display())));
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        facts.extend(groups.lines().map(|group| format!("pid {pid} group {group}")));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_listens_is_told_by_its_inode() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0";
        let ours = BTreeSet::from([4711]);
        assert_eq!(served(line, &ours).as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(served(line, &BTreeSet::new()), None);
        assert_eq!(served(&line.replace(" 0A ", " 01 "), &ours), None);
    }

    #[test]
    fn both_families_are_read() {
        assert_eq!(address("0100007F:0050").as_deref(), Some("127.0.0.1:80"));
        let six = address("00000000000000000000000001000000:0035");
        assert_eq!(six.as_deref(), Some("[::1]:53"));
        assert_eq!(address("0100:0050"), None);
    }
}
