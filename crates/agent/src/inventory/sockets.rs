//! Listening TCP sockets and addresses of network namespaces, and which process holds a socket.

use squall_faults::sys::netns::Netns;
use squall_faults::sys::{device, sock_diag};
use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Socket state 10 of the kernel.
const LISTEN: &str = "0A";
/// Sockets read from one namespace; a proxy with more listeners than this is no single target.
const SOCKETS_MAX: usize = 65_536;

/// Listening sockets by inode.
pub(super) type Listening = BTreeMap<u64, SocketAddr>;

/// What is known of one namespace.
#[derive(Debug, Default)]
pub(super) struct Space {
    pub(super) listening: Listening,
    /// Its own addresses; none where they could not be read.
    pub(super) addresses: Vec<IpAddr>,
}

/// The listening sockets of every namespace, each seen through one process in it.
///
/// The kernel's socket monitor is asked for listeners alone: the tables below `/proc` walk every
/// bucket of connections, a millisecond each on a host of some memory. Where it cannot be asked
/// (no privilege to enter a namespace) the tables are read all the same.
pub(super) fn spaces(seen_through: &BTreeMap<u64, u32>) -> BTreeMap<u64, Space> {
    // A thread enters a namespace for good, so this one ends with the question.
    std::thread::scope(|scope| {
        let thread =
            scope.spawn(|| seen_through.iter().map(|(ns, pid)| (*ns, one(*pid))).collect());
        thread.join().unwrap_or_default()
    })
}

fn one(pid: u32) -> Space {
    let own = Netns::seen(std::process::id()).map(|own| own.inode());
    let entered = Netns::seen(pid).and_then(|netns| match own {
        // Even one's own is entered again: this thread may be in another by now.
        Ok(own) if own == netns.inode() => netns.enter().or(Ok(())),
        _ => netns.enter(),
    });
    let Ok(()) = entered else {
        return Space { listening: from_tables(pid), addresses: Vec::new() };
    };
    let addresses = device::addresses().unwrap_or_default();
    let listening = match sock_diag::listening() {
        Ok(sockets) => {
            let sockets = sockets.into_iter().take(SOCKETS_MAX);
            sockets.map(|socket| (u64::from(socket.inode), socket.local)).collect()
        }
        Err(_) => from_tables(pid),
    };
    Space { listening, addresses }
}

fn from_tables(pid: u32) -> Listening {
    let mut out = BTreeMap::new();
    for file in ["tcp", "tcp6"] {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/net/{file}")) else { continue };
        out.extend(text.lines().skip(1).filter_map(line).take(SOCKETS_MAX));
    }
    out
}

/// The inodes of the sockets a process holds.
pub(super) fn held(pid: u32) -> Vec<u64> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let inode = |entry: fs::DirEntry| {
        let link = fs::read_link(entry.path()).ok()?;
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    descriptors.flatten().filter_map(inode).collect()
}

fn line(line: &str) -> Option<(u64, SocketAddr)> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    if state != LISTEN {
        return None;
    }
    Some((fields.nth(5)?.parse().ok()?, address(local)?))
}

/// `0100007F:1F90`: words of four bytes in the machine's order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::with_capacity(16);
    for at in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let ip = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_the_same() {
        let own = std::process::id();
        let _four = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        let monitor = spaces(&BTreeMap::from([(1, own)])).remove(&1).unwrap_or_default().listening;
        let tables = from_tables(own);
        // Other tests bind and close meanwhile; what this one holds is in both.
        let mine: Vec<u64> = held(own).into_iter().filter(|i| tables.contains_key(i)).collect();
        assert!(!mine.is_empty());
        assert!(mine.iter().any(|inode| monitor.get(inode) == tables.get(inode)));
    }

    #[test]
    fn a_listening_line_is_read_and_others_are_not() {
        let listening = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0";
        let address: SocketAddr = ([127, 0, 0, 1], 8080).into();
        assert_eq!(line(listening), Some((4711, address)));
        assert_eq!(line(&listening.replace(" 0A ", " 01 ")), None);
        assert_eq!(line("x"), None);
    }

    #[test]
    fn version_six_is_words_too() {
        let six = address("00000000000000000000000001000000:0050");
        assert_eq!(six, "[::1]:80".parse().ok());
    }
}
