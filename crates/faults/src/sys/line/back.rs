//! The way back for packets of the loopback device: a raw socket. The kernel takes what a socket
//! sends to a local address, and nothing that merely arrives with one.

use rustix::net::{
    AddressFamily, Protocol, RawProtocol, SendFlags, SocketAddrV4, SocketAddrV6, SocketFlags,
    SocketType, sendto, socket_with,
};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, OwnedFd};

/// `IPPROTO_RAW`: the packet brings its own header.
const RAW: u32 = 255;
/// `IPV6_HDRINCL`, which `libc` does not name.
const IPV6_HDRINCL: libc::c_int = 36;
/// Room for packets on their way into the device.
const SEND_BYTES: libc::c_int = 16 << 20;

/// The sockets.
pub(super) struct Back {
    v4: OwnedFd,
    v6: Option<OwnedFd>,
}

impl Back {
    /// Opens them in the calling thread's namespace; what they send is marked, so that it is not
    /// led astray again.
    pub(super) fn new(mark: u32) -> io::Result<Back> {
        let v4 = open(AddressFamily::INET, mark)?;
        // A kernel without IPv6 has no such packets either.
        let v6 = open(AddressFamily::INET6, mark).ok();
        if let Some(v6) = &v6 {
            set(v6, libc::IPPROTO_IPV6, IPV6_HDRINCL, 1)?;
        }
        Ok(Back { v4, v6 })
    }

    /// Sends one packet, beginning with its IP header.
    pub(super) fn send(&self, packet: &[u8]) -> io::Result<()> {
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        match packet.first().map(|first| first >> 4) {
            Some(4) => {
                let to = packet.get(16..20).ok_or_else(cut)?;
                let to: [u8; 4] = to.try_into().expect("invariant: four bytes");
                let to = SocketAddrV4::new(Ipv4Addr::from(to), 0);
                sendto(&self.v4, packet, SendFlags::DONTWAIT, &to)?;
            }
            Some(6) => {
                let to = packet.get(24..40).ok_or_else(cut)?;
                let to: [u8; 16] = to.try_into().expect("invariant: sixteen bytes");
                let to = SocketAddrV6::new(Ipv6Addr::from(to), 0, 0, 0);
                let socket = self.v6.as_ref().ok_or(io::ErrorKind::Unsupported)?;
                sendto(socket, packet, SendFlags::DONTWAIT, &to)?;
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(())
    }
}

fn open(family: AddressFamily, mark: u32) -> io::Result<OwnedFd> {
    let raw: RawProtocol = NonZeroU32::new(RAW).expect("invariant: not zero");
    let protocol = Some(Protocol::from_raw(raw));
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::RAW, flags, protocol)?;
    set(&socket, libc::SOL_SOCKET, libc::SO_MARK, mark.cast_signed())?;
    set(&socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, SEND_BYTES)?;
    Ok(socket)
}

fn set(
    socket: &OwnedFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let size = size_of_val(&value) as libc::socklen_t;
    let value = (&raw const value).cast();
    // SAFETY: the option is an integer of the size that goes along, and outlives the call.
    match unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value, size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
