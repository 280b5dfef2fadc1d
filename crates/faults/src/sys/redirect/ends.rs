//! Addresses and ranges of them as the programs' C structures have them.

use crate::effect::EffectError;
use serde::{Deserialize, Serialize};
use squall_proxy::Remote;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Which protocols a redirect is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocols {
    /// TCP alone.
    Tcp,
    /// TCP and UDP; for faults that take doors.
    Both,
}

/// A range of destinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    remote: Option<Remote>,
    protocols: Protocols,
}

/// One end of a connection, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) address: SocketAddr,
    pub(super) whose: u32,
}

impl Range {
    /// Size of `struct range`.
    pub(super) const BYTES: usize = 40;

    /// The ranges of some destinations; none named stands for all.
    pub(super) fn all(remotes: &[Remote], protocols: Protocols) -> Vec<Range> {
        if remotes.is_empty() {
            return vec![Range { remote: None, protocols }];
        }
        remotes.iter().map(|remote| Range { remote: Some(*remote), protocols }).collect()
    }

    /// `struct range`.
    pub(super) fn bytes(&self, doors: u32) -> [u8; Range::BYTES] {
        let mut bytes = [0; Range::BYTES];
        if let Some(remote) = self.remote {
            let (octets, family) = octets(remote.network);
            // An IPv4 range in IPv6 clothes: the first 96 bits are the clothes.
            let clothed = family == 4 && remote.network.is_ipv6();
            let prefix = remote.prefix.saturating_sub(if clothed { 96 } else { 0 });
            for at in 0..16 {
                let left = usize::from(prefix).saturating_sub(at * 8).min(8);
                let mask = (0xff00u16 >> left) as u8;
                bytes[at] = octets[at] & mask;
                bytes[16 + at] = mask;
            }
            bytes[32..34].copy_from_slice(&remote.port.unwrap_or(0).to_be_bytes());
            bytes[34] = family;
        }
        bytes[35] = match self.protocols {
            Protocols::Tcp => 1,
            Protocols::Both => 3,
        };
        bytes[36..].copy_from_slice(&doors.to_ne_bytes());
        bytes
    }
}

impl End {
    /// Size of `struct end`.
    pub(super) const BYTES: usize = 24;

    /// `struct end`.
    pub(super) fn bytes(self) -> [u8; End::BYTES] {
        let (octets, family) = octets(self.address.ip());
        let mut bytes = [0; End::BYTES];
        bytes[..16].copy_from_slice(&octets);
        bytes[16..18].copy_from_slice(&self.address.port().to_be_bytes());
        bytes[18..20].copy_from_slice(&u16::from(family).to_ne_bytes());
        bytes[20..].copy_from_slice(&self.whose.to_ne_bytes());
        bytes
    }

    /// Reads `struct end`; `None` where it was never written.
    pub(super) fn read(bytes: &[u8; End::BYTES]) -> Option<End> {
        let family = u16::from_ne_bytes([bytes[18], bytes[19]]);
        let octets: [u8; 16] = bytes[..16].try_into().ok()?;
        let ip: IpAddr = match family {
            4 => Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into(),
            6 => Ipv6Addr::from(octets).into(),
            _ => return None,
        };
        let port = u16::from_be_bytes([bytes[16], bytes[17]]);
        let whose = u32::from_ne_bytes(bytes[20..].try_into().ok()?);
        Some(End { address: SocketAddr::new(ip, port), whose })
    }
}

/// The bytes of an address, IPv4 in the first four, and 4 or 6.
pub(super) fn octets(ip: IpAddr) -> ([u8; 16], u8) {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&v4.octets());
            (bytes, 4)
        }
        IpAddr::V6(v6) => (v6.octets(), 6),
    }
}

/// A range as a receipt has it: `10.0.0.0/8`, `10.0.0.0/8:443`, `[fd00::/8]:443`.
pub(super) fn print(remote: &Remote) -> String {
    let range = format!("{}/{}", remote.network, remote.prefix);
    match (remote.port, remote.network) {
        (None, _) => range,
        (Some(port), IpAddr::V4(_)) => format!("{range}:{port}"),
        (Some(port), IpAddr::V6(_)) => format!("[{range}]:{port}"),
    }
}

/// Reads [`print`].
pub(super) fn parse(text: &str) -> Result<Remote, EffectError> {
    let read = || {
        let (range, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").map(|(range, port)| (range, Some(port)))?,
            None if text.matches(':').count() == 1 => {
                text.split_once(':').map(|(range, port)| (range, Some(port)))?
            }
            None => (text, None),
        };
        let (network, prefix) = range.split_once('/')?;
        let port = port.map(|port| port.parse().ok());
        let port = match port {
            Some(None) => return None,
            Some(Some(port)) => Some(port),
            None => None,
        };
        Some(Remote { network: network.parse().ok()?, prefix: prefix.parse().ok()?, port })
    };
    read().ok_or_else(|| EffectError::ForeignReceipt(format!("{text} is no range")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    #[test]
    fn ends_round_trip() {
        for text in ["10.1.2.3:80", "[fd00::1]:443"] {
            let end = End { address: text.parse().unwrap(), whose: 7 };
            assert_eq!(End::read(&end.bytes()), Some(end));
        }
        assert_eq!(End::read(&[0; End::BYTES]), None);
    }

    #[test]
    fn ranges_round_trip_as_text() {
        for text in ["10.0.0.0/8", "10.0.0.0/8:443", "fd00::/8", "[fd00::/8]:443", "::/0"] {
            assert_eq!(print(&parse(text).unwrap()), text);
        }
        for text in ["10.0.0.0", "10.0.0.0/8:x", "[fd00::/8]", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_is_its_address_and_mask() {
        let remote = parse("10.129.0.0/9:80").unwrap();
        let bytes = Range::all(&[remote], Protocols::Both)[0].bytes(8);
        assert_eq!(bytes[..4], [10, 128, 0, 0]);
        assert_eq!(bytes[16..20], [255, 128, 0, 0]);
        assert_eq!(bytes[32..36], [0, 80, 4, 3]);
        let clothed = parse("::ffff:10.0.0.0/104").unwrap();
        let bytes = Range::all(&[clothed], Protocols::Tcp)[0].bytes(0);
        assert_eq!((bytes[0], bytes[16], bytes[17], bytes[34]), (10, 255, 0, 4));
        assert_eq!(Range::all(&[], Protocols::Tcp)[0].bytes(0)[..35], [0; 35]);
    }
}
