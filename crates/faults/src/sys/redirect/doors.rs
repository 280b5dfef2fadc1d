//! Doors: a TCP and a UDP port for each destination, so that whoever answers there knows which one
//! was meant, over UDP too.

use super::ends::End;
use super::outbound::Dests;
use crate::effect::EffectError;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

/// Destinations of one injection that get a door, as in the C source; others go straight.
pub(super) const DOORS: u32 = 8;
/// Places for doors in one network namespace, as in the C source.
const PLACES: u32 = 1024;

/// The sockets of one destination over one family.
#[derive(Debug)]
pub struct Door {
    /// Over UDP.
    pub udp: UdpSocket,
    /// Over TCP.
    pub tcp: TcpListener,
}

/// The doors of one injection, in the target's network namespace: first those over IPv4, then,
/// where the namespace has IPv6, those over IPv6.
pub struct Doors {
    /// The sockets.
    pub doors: Vec<Door>,
    /// What they stand for.
    pub origins: Origins,
}

/// Tells what was meant by whoever came to a door.
#[derive(Clone)]
pub struct Origins {
    dests: Arc<Dests>,
    first: u32,
}

impl Origins {
    pub(super) fn new(dests: Arc<Dests>, first: u32) -> Origins {
        Origins { dests, first }
    }

    /// The address the target asked for, by the number of the door; `None` where nobody was sent
    /// there yet.
    #[must_use]
    pub fn of(&self, door: usize) -> Option<SocketAddr> {
        let place = self.first + u32::try_from(door).ok()? % DOORS;
        End::read(&self.dests.get(&place, 0).ok()?).map(|end| end.address)
    }
}

/// Doors, and the ports of TCP and UDP of each place, over IPv4 and IPv6.
pub(super) type Made = (Vec<Door>, Vec<[[u16; 2]; 2]>);

/// Makes the doors in the calling thread's network namespace, with the ports of TCP and UDP, each
/// over IPv4 and IPv6 (zero where there is none).
pub(super) fn make() -> io::Result<Made> {
    let open = |ip: IpAddr| -> io::Result<Vec<Door>> {
        let door =
            |_| Ok(Door { udp: UdpSocket::bind((ip, 0))?, tcp: TcpListener::bind((ip, 0))? });
        (0..DOORS).map(door).collect()
    };
    let mut doors = open(Ipv4Addr::LOCALHOST.into())?;
    // Without IPv6 in the namespace nothing leaves by it.
    doors.extend(open(Ipv6Addr::LOCALHOST.into()).unwrap_or_default());
    let port = |address: io::Result<SocketAddr>| address.map(|address| address.port());
    let mut ports = vec![[[0; 2]; 2]; DOORS as usize];
    for (at, door) in doors.iter().enumerate() {
        let (place, family) = (at % DOORS as usize, at / DOORS as usize);
        ports[place][0][family] = port(door.tcp.local_addr())?;
        ports[place][1][family] = port(door.udp.local_addr())?;
    }
    Ok((doors, ports))
}

/// `struct door`, from ports over IPv4 and IPv6.
pub(super) fn ports(tcp: [u16; 2], udp: [u16; 2]) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (at, port) in tcp.into_iter().chain(udp).enumerate() {
        let port = u32::from(port.to_be());
        bytes[4 * at..4 * at + 4].copy_from_slice(&port.to_ne_bytes());
    }
    bytes
}

/// Which places are in use; the first is never, because zero means none.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeSet<u32>);

impl Taken {
    pub(super) fn take(&mut self) -> Result<u32, EffectError> {
        let mut firsts = (DOORS..PLACES).step_by(DOORS as usize);
        let first = firsts.find(|first| !self.0.contains(first)).ok_or_else(|| {
            EffectError::InTheWay("too many faults with doors in one namespace".to_owned())
        })?;
        self.0.insert(first);
        Ok(first)
    }

    pub(super) fn free(&mut self, first: u32) {
        self.0.remove(&first);
    }
}
