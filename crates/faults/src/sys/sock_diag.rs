//! Lists TCP sockets of the calling thread's network namespace and destroys some of them, in the
//! kernel's own messages over netlink.

use crate::sys::netlink::{Netlink, number32};
use rustix::net::{AddressFamily, netlink};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
const TCP: u8 = 6;
const TCP_ESTABLISHED: u8 = 1;
const TCP_CLOSE_WAIT: u8 = 8;
const TCP_LISTEN: u8 = 10;
/// Length of a reply of the socket monitor.
const REPLY: usize = 72;
/// Where the socket's identity begins in a reply, and how long it is.
const ID: usize = 4;
const ID_BYTES: usize = 48;
/// A TCP socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpSocket {
    /// Its own address.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// `TCP_ESTABLISHED` and so on.
    pub state: u8,
    /// The inode by which `/proc/PID/fd` names it.
    pub inode: u32,
    family: u8,
    id: [u8; ID_BYTES],
}

/// The listening sockets.
///
/// # Errors
/// When the kernel has no socket monitor for TCP.
pub fn listening() -> io::Result<Vec<TcpSocket>> {
    list(1 << TCP_LISTEN)
}

/// The sockets that carry data.
///
/// # Errors
/// As [`listening`].
pub fn open() -> io::Result<Vec<TcpSocket>> {
    list(1 << TCP_ESTABLISHED | 1 << TCP_CLOSE_WAIT)
}

/// The local and the remote port of every connection that is open or being opened or closed.
///
/// # Errors
/// As [`listening`].
pub(crate) fn ports_in_use() -> io::Result<Vec<(u16, u16)>> {
    // Everything but TIME_WAIT, CLOSE and LISTEN.
    let states = (1 << 13) - 2 - (1 << 6) - (1 << 7) - (1 << TCP_LISTEN);
    Ok(list(states)?.iter().map(|socket| (socket.local.port(), socket.remote.port())).collect())
}

/// Destroys sockets: their owner sees `ECONNABORTED`, the other end a reset. Returns how many.
///
/// # Errors
/// When the kernel cannot destroy sockets at all; one that is gone already is no error.
pub fn destroy(sockets: &[TcpSocket]) -> io::Result<usize> {
    let netlink = Netlink::open(Some(netlink::SOCK_DIAG))?;
    let bodies = sockets.iter().map(|socket| request(socket.family, u32::MAX, &socket.id));
    let failed = netlink.order_many(SOCK_DESTROY, &bodies.collect::<Vec<_>>())?;
    let gone = rustix::io::Errno::NOENT.raw_os_error();
    match failed.iter().find(|code| **code != gone) {
        None => Ok(sockets.len() - failed.len()),
        Some(code) => Err(io::Error::from_raw_os_error(*code)),
    }
}

/// Asks for the end of a socket that does not exist, which a kernel that could end it answers
/// by saying so.
///
/// # Errors
/// When the kernel cannot destroy sockets, or will not for us.
pub fn can_destroy() -> io::Result<()> {
    let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let family = AddressFamily::INET.as_raw() as u8;
    let (state, inode, id) = (TCP_ESTABLISHED, 0, [0; ID_BYTES]);
    let none = TcpSocket { local: nowhere, remote: nowhere, state, inode, family, id };
    destroy(&[none]).map(drop)
}

fn list(states: u32) -> io::Result<Vec<TcpSocket>> {
    let netlink = Netlink::open(Some(netlink::SOCK_DIAG))?;
    let mut found = Vec::new();
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        let ask = request(family.as_raw() as u8, states, &[0; ID_BYTES]);
        let listed = netlink.list(SOCK_DIAG_BY_FAMILY, &ask)?;
        found.extend(listed.iter().filter_map(|(_, body)| socket(body)));
    }
    Ok(found)
}

fn request(family: u8, states: u32, id: &[u8; ID_BYTES]) -> Vec<u8> {
    let mut bytes = vec![family, TCP, 0, 0];
    bytes.extend(states.to_ne_bytes());
    bytes.extend(id);
    bytes
}

fn socket(body: &[u8]) -> Option<TcpSocket> {
    let id: [u8; ID_BYTES] = body.get(..REPLY)?[ID..ID + ID_BYTES].try_into().ok()?;
    let (family, state) = (body[0], body[1]);
    let port = |at: usize| u16::from_be_bytes([id[at], id[at + 1]]);
    let address = |at: usize| -> IpAddr {
        let bytes: [u8; 16] = id[at..at + 16].try_into().expect("invariant: sixteen bytes");
        if i32::from(family) == i32::from(AddressFamily::INET.as_raw()) {
            Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into()
        } else {
            Ipv6Addr::from(bytes).into()
        }
    };
    Some(TcpSocket {
        local: SocketAddr::new(address(4), port(0)),
        remote: SocketAddr::new(address(20), port(2)),
        state,
        inode: number32(body, 68)?,
        family,
        id,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn own_sockets_are_listed_with_both_ends() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let local = listener.local_addr().unwrap();
            assert!(listening().unwrap().iter().any(|socket| socket.local == local));
            let own = client.local_addr().unwrap();
            let found = open().unwrap();
            assert!(found.iter().any(|socket| socket.local == own && socket.remote == local));
        }
    }

    #[test]
    fn a_cut_reply_is_no_socket() {
        assert_eq!(socket(&[0; REPLY - 1]), None);
    }
}
