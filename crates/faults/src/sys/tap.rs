//! A TAP device of our own: what is sent to it is read here, what is written here arrives from it.
//! It is gone when its descriptor is closed.

use crate::sys::device::OWN;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

/// Each packet begins with `struct virtio_net_hdr`: what is left to do to its checksum, and into
/// how many it is to be cut.
pub(crate) const HEAD: usize = 10;
/// The largest packet, its link header and the head.
pub(crate) const PACKET_BYTES_MAX: usize = HEAD + 14 + 65_536;
/// Packets that wait to be read; more are lost.
const QUEUE: libc::c_int = 10_000;
const TUNSETIFF: libc::c_ulong = 0x4004_54ca;
const TUNSETOFFLOAD: libc::c_ulong = 0x4004_54d0;
/// Checksums may be left to do, packets may be left uncut, over IPv4 and IPv6.
const OFFLOADS: libc::c_ulong = 1 | 2 | 4;

/// An open TAP device.
pub(crate) struct Tap {
    file: File,
    /// Its number in its namespace.
    pub(crate) index: u32,
    /// Its name.
    pub(crate) name: String,
    /// True where it stands beside the loopback device.
    pub(crate) is_loopback: bool,
}

impl Tap {
    /// Makes one in the calling thread's namespace and brings it up. Large packets stay whole and
    /// checksums may be left to whoever sends them on; not so beside the loopback device, whose
    /// packets go back over a socket that wants them finished.
    ///
    /// # Errors
    /// Without the driver or the privilege.
    pub(crate) fn new(is_loopback: bool) -> io::Result<Tap> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
        let file = file.open("/dev/net/tun")?;
        let mut request = request(&format!("{OWN}%d"));
        let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        request.ifr_ifru.ifru_flags = flags as i16;
        // SAFETY: the request is of the type this call reads and writes, and outlives it.
        checked(unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFF, &raw mut request) })?;
        let name: Vec<u8> = request.ifr_name.iter().map(|byte| byte.cast_unsigned()).collect();
        let name = String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned();
        if !is_loopback {
            // SAFETY: the argument is a number.
            checked(unsafe { libc::ioctl(file.as_raw_fd(), TUNSETOFFLOAD, OFFLOADS) })?;
        }
        // The device says nothing of its own: no neighbor discovery, no multicast.
        let quiet = format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6");
        match std::fs::write(quiet, "1") {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let index = up(&name)?;
        Ok(Tap { file, index, name, is_loopback })
    }

    /// Reads one packet, if there is one.
    pub(crate) fn read(&self, packet: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.file).read(packet) {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a packet arrive from the device.
    pub(crate) fn write(&self, packet: &[u8]) -> io::Result<()> {
        (&self.file).write(packet).map(drop)
    }

    /// How many packets found no room in its queue.
    pub(crate) fn lost(&self) -> u64 {
        let path = format!("/sys/class/net/{}/statistics/tx_dropped", self.name);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Brings a device up and gives it a long queue. Returns its number.
fn up(name: &str) -> io::Result<u32> {
    // SAFETY: a plain system call; the descriptor is checked before it is used.
    let raw = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    checked(raw)?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else knows it.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    let ask = |kind: libc::c_ulong, request: &mut libc::ifreq| {
        // SAFETY: the request is of the type these calls read and write, and outlives them.
        checked(unsafe { libc::ioctl(socket.as_raw_fd(), kind, std::ptr::from_mut(request)) })
    };
    let mut wanted = request(name);
    wanted.ifr_ifru.ifru_metric = QUEUE;
    ask(libc::SIOCSIFTXQLEN, &mut wanted)?;
    wanted.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING | libc::IFF_NOARP) as i16;
    ask(libc::SIOCSIFFLAGS, &mut wanted)?;
    ask(libc::SIOCGIFINDEX, &mut wanted)?;
    // SAFETY: the call before has filled in this member.
    let index = unsafe { wanted.ifr_ifru.ifru_ifindex };
    u32::try_from(index).map_err(io::Error::other)
}

fn request(name: &str) -> libc::ifreq {
    // SAFETY: all zeros is a valid request.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(room)) {
        *to = from.cast_signed();
    }
    request
}

fn checked(answer: libc::c_int) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
