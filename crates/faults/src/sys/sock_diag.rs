//! Lists TCP sockets of the calling thread's network namespace and destroys some of them, in the
//! kernel's own messages over netlink.

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const TCP: u8 = 6;
const TCP_ESTABLISHED: u8 = 1;
const TCP_CLOSE_WAIT: u8 = 8;
const TCP_LISTEN: u8 = 10;
/// Length of a netlink header, a request and a reply of the socket monitor.
const HEADER: usize = 16;
const REQUEST: usize = 56;
const REPLY: usize = 72;
/// Where the socket's identity begins in a reply, and how long it is.
const ID: usize = 4;
const ID_BYTES: usize = 48;
/// One read of the dump; the kernel fills at most 32 KiB.
const READ_BYTES: usize = 64 << 10;
/// A dump that does not end after this many reads is no dump.
const READS_MAX: usize = 10_000;

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
    dump(1 << TCP_LISTEN)
}

/// The sockets that carry data.
///
/// # Errors
/// As [`listening`].
pub fn open() -> io::Result<Vec<TcpSocket>> {
    dump(1 << TCP_ESTABLISHED | 1 << TCP_CLOSE_WAIT)
}

/// Destroys sockets: their owner sees `ECONNABORTED`, the other end a reset. Returns how many.
///
/// # Errors
/// When the kernel cannot destroy sockets at all; one that is gone already is no error.
pub fn destroy(sockets: &[TcpSocket]) -> io::Result<usize> {
    let netlink = connect()?;
    let mut destroyed = 0;
    for socket in sockets {
        let flags = NLM_F_REQUEST | NLM_F_ACK;
        send(&netlink, &request(SOCK_DESTROY, flags, socket.family, u32::MAX, &socket.id))?;
        let mut buffer = vec![0; READ_BYTES];
        let read = receive(&netlink, &mut buffer)?;
        for (kind, body) in messages(&buffer[..read]) {
            match error_of(kind, body) {
                Some(0) => destroyed += 1,
                Some(code) if code == rustix::io::Errno::NOENT.raw_os_error() => {}
                Some(code) => return Err(io::Error::from_raw_os_error(code)),
                None => {}
            }
        }
    }
    Ok(destroyed)
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

fn dump(states: u32) -> io::Result<Vec<TcpSocket>> {
    let netlink = connect()?;
    let mut found = Vec::new();
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        let family = family.as_raw() as u8;
        let flags = NLM_F_REQUEST | NLM_F_DUMP;
        let ask = request(SOCK_DIAG_BY_FAMILY, flags, family, states, &[0; ID_BYTES]);
        send(&netlink, &ask)?;
        read_dump(&netlink, &mut found)?;
    }
    Ok(found)
}

fn read_dump(netlink: &OwnedFd, found: &mut Vec<TcpSocket>) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    for _ in 0..READS_MAX {
        let read = receive(netlink, &mut buffer)?;
        for (kind, body) in messages(&buffer[..read]) {
            match kind {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => {
                    let code = error_of(kind, body).unwrap_or_default();
                    return Err(io::Error::from_raw_os_error(code));
                }
                _ => found.extend(socket(body)),
            }
        }
    }
    Err(io::Error::other("the list of sockets did not end"))
}

fn connect() -> io::Result<OwnedFd> {
    let kind = SocketType::RAW;
    let flags = SocketFlags::CLOEXEC;
    let family = AddressFamily::NETLINK;
    Ok(rustix::net::socket_with(family, kind, flags, Some(netlink::SOCK_DIAG))?)
}

fn send(netlink: &OwnedFd, message: &[u8]) -> io::Result<()> {
    rustix::net::send(netlink, message, SendFlags::empty())?;
    Ok(())
}

fn receive(netlink: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    let (read, _) = rustix::net::recv(netlink, buffer, RecvFlags::empty())?;
    Ok(read)
}

fn request(kind: u16, flags: u16, family: u8, states: u32, id: &[u8; ID_BYTES]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + REQUEST);
    bytes.extend(((HEADER + REQUEST) as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, TCP, 0, 0]);
    bytes.extend(states.to_ne_bytes());
    bytes.extend(id);
    bytes
}

/// The messages of one read: kind and body.
pub(crate) fn messages(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut out = Vec::new();
    while let (Some(length), Some(kind)) = (number32(bytes, 0), number16(bytes, 4)) {
        let length = length as usize;
        if length < HEADER || length > bytes.len() {
            break;
        }
        out.push((kind, &bytes[HEADER..length]));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    out
}

/// The error number of an acknowledgment, 0 where it went well.
pub(crate) fn error_of(kind: u16, body: &[u8]) -> Option<i32> {
    let code = number32(body, 0).filter(|_| kind == NLMSG_ERROR)?;
    Some(-code.cast_signed())
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

pub(crate) fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(crate) fn number16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
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
    fn cut_messages_are_not_read() {
        assert!(messages(&[0; 3]).is_empty());
        assert!(messages(&[255; 64]).is_empty());
        assert!(messages(&[16, 0, 0, 0, 3, 0, 0, 0]).is_empty());
        assert_eq!(socket(&[0; 71]), None);
    }
}
