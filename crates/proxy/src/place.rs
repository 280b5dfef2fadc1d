//! Where a connection came from and was meant to go, and which of them a layer is for.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener},
};

use socket2::SockRef;

use crate::lane;

/// Which way a redirected connection goes, seen from the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// Somebody calls the target.
    Inbound,
    /// A target calls somebody; the number tells targets behind one proxy apart.
    Outbound(u64),
}

/// A listener with the way of all connections that it accepts.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    way: Way,
}

impl Door {
    /// Makes a door of a listener that nobody has connected to yet: what is accepted inherits its
    /// options, which saves three calls a connection.
    ///
    /// # Errors
    /// When the listener is unusable.
    pub fn new(listener: TcpListener, way: Way) -> io::Result<Door> {
        listener.set_nonblocking(true)?;
        lane::options(&SockRef::from(&listener))?;
        Ok(Door { listener, way })
    }

    /// The listener.
    #[must_use]
    pub fn listener(&self) -> &TcpListener {
        &self.listener
    }

    /// The way.
    #[must_use]
    pub fn way(&self) -> Way {
        self.way
    }
}

/// One connection: whose it is and where it was meant to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which way it goes.
    pub way: Way,
    /// The address of the one who dialed.
    pub client: SocketAddr,
    /// The address that was dialed.
    pub original: SocketAddr,
}

/// A range of addresses, and one port or every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// The network: every address of its family where the prefix is zero.
    pub network: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
    /// The port, or every one.
    pub port: Option<u16>,
}

/// The connections that a layer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Everything,
    /// Those to these addresses of the target; an unspecified one stands for all of its family.
    Inbound(Vec<SocketAddr>),
    /// Those that one target opens to these destinations; none named stands for all.
    Outbound {
        /// The number in [`Way::Outbound`].
        origin: u64,
        /// The destinations.
        remotes: Vec<Remote>,
    },
}

impl Remote {
    /// Tells whether an address is in the range. IPv4 in IPv6 clothes is IPv4.
    #[must_use]
    pub fn holds(&self, address: SocketAddr) -> bool {
        let same_port = self.port.is_none_or(|port| port == address.port());
        same_port
            && match (self.network.to_canonical(), address.ip().to_canonical()) {
                (IpAddr::V4(network), IpAddr::V4(ip)) => {
                    let bits = network.to_bits() ^ ip.to_bits();
                    bits.checked_shr(32 - u32::from(self.prefix.min(32))).unwrap_or(0) == 0
                }
                (IpAddr::V6(network), IpAddr::V6(ip)) => {
                    let bits = network.to_bits() ^ ip.to_bits();
                    bits.checked_shr(128 - u32::from(self.prefix.min(128))).unwrap_or(0) == 0
                }
                _ => false,
            }
    }
}

impl Scope {
    /// Tells whether a connection is one of them.
    #[must_use]
    pub fn holds(&self, place: &Place) -> bool {
        match (self, place.way) {
            (Scope::Everything, _) => true,
            (Scope::Inbound(locals), Way::Inbound) => {
                locals.iter().any(|local| stands_for(*local, place.original))
            }
            (Scope::Outbound { origin, remotes }, Way::Outbound(from)) => {
                let meant = || remotes.iter().any(|remote| remote.holds(place.original));
                *origin == from && (remotes.is_empty() || meant())
            }
            _ => false,
        }
    }
}

/// Tells whether a local address stands for another: the same, or any of its family.
fn stands_for(local: SocketAddr, address: SocketAddr) -> bool {
    let (meant, ip) = (local.ip().to_canonical(), address.ip().to_canonical());
    let any = meant.is_unspecified() && meant.is_ipv4() == ip.is_ipv4();
    local.port() == address.port() && (any || meant == ip)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_holds_its_own_family_and_port() {
        let check = |network: &str, prefix, port, address: &str, expected: bool| {
            let remote = Remote { network: network.parse().unwrap(), prefix, port };
            assert_eq!(remote.holds(at(address)), expected, "{network}/{prefix} {address}");
        };
        check("10.0.0.0", 8, None, "10.9.9.9:80", true);
        check("10.0.0.0", 8, Some(81), "10.9.9.9:80", false);
        check("10.0.0.0", 8, None, "[::ffff:10.9.9.9]:80", true);
        check("10.0.0.0", 8, None, "11.0.0.0:80", false);
        check("10.0.0.1", 32, None, "10.0.0.1:80", true);
        check("10.0.0.1", 32, None, "10.0.0.2:80", false);
        check("0.0.0.0", 0, None, "1.2.3.4:80", true);
        check("0.0.0.0", 0, None, "[fd00::1]:80", false);
        check("::", 0, None, "[fd00::1]:80", true);
        check("fd00::", 64, None, "[fd00::9]:80", true);
        check("fd00::", 64, None, "[fd01::9]:80", false);
    }

    #[test]
    fn a_scope_holds_its_own_way() {
        let place = |way, original| Place { way, client: at("10.0.0.9:1"), original: at(original) };
        let inbound = Scope::Inbound(vec![at("0.0.0.0:80"), at("10.0.0.1:81")]);
        assert!(inbound.holds(&place(Way::Inbound, "10.0.0.1:80")));
        assert!(inbound.holds(&place(Way::Inbound, "[::ffff:10.0.0.1]:80")));
        assert!(!inbound.holds(&place(Way::Inbound, "[::1]:80")));
        assert!(!inbound.holds(&place(Way::Inbound, "10.0.0.2:81")));
        assert!(!inbound.holds(&place(Way::Outbound(1), "10.0.0.1:80")));
        let outbound = Scope::Outbound { origin: 1, remotes: Vec::new() };
        assert!(outbound.holds(&place(Way::Outbound(1), "10.0.0.1:80")));
        assert!(!outbound.holds(&place(Way::Outbound(2), "10.0.0.1:80")));
        assert!(Scope::Everything.holds(&place(Way::Outbound(2), "10.0.0.1:80")));
    }
}
