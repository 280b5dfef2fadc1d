//! Resets open connections of a process, seen from the calling thread's network namespace.

use crate::effect::EffectError;
use crate::sys::process::{self, Handle, system};
use crate::sys::rule::{self, Range, plain};
use crate::sys::sock_diag::{self, TcpSocket};
use crate::values::Checked;
use squall_wire::identity::ProcessIdentity;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

/// Management traffic.
const PORT_SSH: u16 = 22;

/// Which connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choice {
    ports: Vec<u16>,
    ranges: Vec<Range>,
    ends: Vec<SocketAddr>,
}

/// What was done to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) seen: u64,
    pub(crate) matched: u64,
    /// Ended at the other end: the target was sent a reset.
    pub(crate) at_peer: u64,
    /// Disconnected through the target's own descriptor: it sees a reset, and so does the peer.
    pub(crate) at_own: u64,
    /// Destroyed: the target sees ECONNABORTED, the peer a reset.
    pub(crate) aborted: u64,
}

impl Done {
    pub(crate) fn hits(&self) -> u64 {
        self.at_peer + self.at_own + self.aborted
    }

    pub(crate) fn add(&mut self, more: Done) {
        self.seen += more.seen;
        self.matched += more.matched;
        self.at_peer += more.at_peer;
        self.at_own += more.at_own;
        self.aborted += more.aborted;
    }
}

impl Choice {
    /// What the filters of `crate::traffic` say.
    pub(crate) fn of(values: &Checked) -> Choice {
        Choice { ports: values.ports("port"), ranges: Range::of(values), ends: rule::ends(values) }
    }

    fn has(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        let ports = [local.port(), remote.port()];
        let port = self.ports.is_empty() || ports.iter().any(|port| self.ports.contains(port));
        let named = |range: &Range| range.has(remote.ip());
        let all = self.ranges.is_empty() && self.ends.is_empty();
        let end = all || self.ends.contains(&remote) || self.ranges.iter().any(named);
        port && end && !ports.contains(&PORT_SSH)
    }
}

/// Resets what was chosen of a process and its descendants, once.
///
/// # Errors
/// When the target is gone or the kernel does not list sockets.
pub(crate) fn reset(target: ProcessIdentity, choice: &Choice) -> Result<Done, EffectError> {
    let owners = owners(target)?;
    let open = sock_diag::open().map_err(system("list the target's connections"))?;
    let by_ends: BTreeMap<_, &TcpSocket> =
        open.iter().map(|socket| ((plain(socket.local), plain(socket.remote)), socket)).collect();
    let mut done = Done::default();
    let (mut peers, mut rest) = (Vec::new(), Vec::new());
    for socket in open.iter().filter(|socket| owners.contains_key(&socket.inode)) {
        done.seen += 1;
        let (local, remote) = (plain(socket.local), plain(socket.remote));
        if !choice.has(local, remote) {
            continue;
        }
        done.matched += 1;
        match by_ends.get(&(remote, local)) {
            // Where both ends are the target's each is told by the end of the other.
            Some(peer) => peers.push((*peer).clone()),
            None => rest.push(socket.clone()),
        }
    }
    done.at_peer = sock_diag::destroy(&peers).map_err(system("end connections"))? as u64;
    let mut handles = BTreeMap::new();
    let mut aborted = Vec::new();
    for socket in rest {
        let Some((owner, descriptor)) = owners.get(&socket.inode) else { continue };
        let handle = handles.entry(owner.pid).or_insert_with(|| Handle::open(*owner));
        let Ok(handle) = handle else { continue };
        match disconnect(handle, *descriptor, socket.inode) {
            Ok(()) => done.at_own += 1,
            Err(_) => aborted.push(socket),
        }
    }
    done.aborted = sock_diag::destroy(&aborted).map_err(system("end connections"))? as u64;
    Ok(done)
}

/// The sockets of a process and its descendants: by inode, whose and which descriptor.
fn owners(target: ProcessIdentity) -> Result<BTreeMap<u32, (ProcessIdentity, i32)>, EffectError> {
    Handle::open(target)?;
    let mut owners = BTreeMap::new();
    for process in process::descendants(target.pid).into_iter().chain([target]) {
        let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", process.pid)) else { continue };
        for entry in entries.flatten() {
            let Ok(link) = fs::read_link(entry.path()) else { continue };
            let inode = link.to_str().and_then(|link| link.strip_prefix("socket:["));
            let inode = inode.and_then(|inode| inode.trim_end_matches(']').parse::<u32>().ok());
            let number = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
            if let (Some(inode), Some(number)) = (inode, number) {
                owners.insert(inode, (process, number));
            }
        }
    }
    Ok(owners)
}

/// Takes a connection apart through another descriptor of the same socket: its owner and the peer
/// both see a reset.
fn disconnect(handle: &Handle, descriptor: i32, inode: u32) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let copy = fs::File::from(handle.duplicate(descriptor)?);
    // The number may be another file by now.
    if copy.metadata()?.ino() != u64::from(inode) {
        return Err(io::ErrorKind::NotFound.into());
    }
    // SAFETY: all zeros is a valid address, and its family says "none".
    let nobody: libc::sockaddr = unsafe { std::mem::zeroed() };
    let size = size_of_val(&nobody) as libc::socklen_t;
    // SAFETY: the address is of the size that goes along and outlives the call.
    match unsafe { libc::connect(copy.as_raw_fd(), &raw const nobody, size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use crate::values::parse::cidr;

    #[test]
    fn ports_and_ranges_choose_and_ssh_is_never_chosen() {
        let has = |ports: &[u16], range: Option<&str>, local: &str, remote: &str| {
            let range = range.map(|text| cidr(text).unwrap());
            let range = range.map(|(network, bits)| Range { network, bits });
            let ranges = range.into_iter().collect();
            let choice = Choice { ports: ports.to_vec(), ranges, ends: Vec::new() };
            choice.has(local.parse().unwrap(), remote.parse().unwrap())
        };
        assert!(has(&[], None, "10.0.0.1:80", "10.0.0.2:4000"));
        assert!(has(&[4000], None, "10.0.0.1:80", "10.0.0.2:4000"));
        assert!(!has(&[81], None, "10.0.0.1:80", "10.0.0.2:4000"));
        assert!(has(&[80], Some("10.0.0.0/8"), "10.0.0.1:80", "10.9.0.2:4000"));
        assert!(!has(&[], Some("10.0.0.1"), "10.0.0.1:80", "10.9.0.2:4000"));
        assert!(!has(&[], None, "10.0.0.1:22", "10.0.0.2:4000"));
        assert!(!has(&[22], None, "10.0.0.1:4000", "10.0.0.2:22"));
        let ends = vec!["10.0.0.2:80".parse().unwrap()];
        let exact = Choice { ends, ..Choice::default() };
        let own = "10.0.0.1:4000".parse().unwrap();
        assert!(exact.has(own, "10.0.0.2:80".parse().unwrap()));
        assert!(!exact.has(own, "10.0.0.2:81".parse().unwrap()));
    }
}
