//! What a fault's BPF programs are told and what they count: the bytes of `rule.h`.

use crate::effect::{EffectError, LeaseEnd};
use crate::traffic::{ENDPOINTS_MAX, ITEMS_MAX};
use crate::values::Checked;
use crate::values::parse::cidr;
use std::net::{IpAddr, SocketAddr};

/// Sizes of the C structures; the kernel refuses a map of another shape.
pub(crate) const RULE_BYTES: usize = 416;
pub(crate) const TALLY_BYTES: usize = 48;

/// The size of `struct end`.
pub(crate) const END_BYTES: usize = 24;

const PORTS_MAX: usize = ITEMS_MAX;

/// Bits of `sides`.
pub(crate) const LEAVING: u32 = 1;
pub(crate) const ARRIVING: u32 = 2;

const BIT_TCP: u32 = 1;
const BIT_UDP: u32 = 2;
const BIT_OTHER: u32 = 4;

/// `struct rule`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    /// When it ends by itself, on the boot-time axis.
    pub(crate) expires_ns: u64,
    /// Which injection's it is.
    pub(crate) token: u64,
    /// The target's cgroup, where the hook sees other people's traffic too.
    pub(crate) cgroup: u64,
    /// Seed of its choices.
    pub(crate) seed: u64,
    /// How deep the cgroup lies.
    pub(crate) level: u32,
    /// The only process it is for, where the cgroup is shared.
    pub(crate) tgid: u32,
    /// Shares after a hit and after a miss, of `u32::MAX`.
    pub(crate) shares: [u32; 2],
    /// Which directions.
    pub(crate) sides: u32,
    /// Which protocols.
    pub(crate) protocols: u32,
    /// Which ports, none for all.
    pub(crate) ports: Vec<u16>,
    /// Which addresses of the other end, none for all.
    pub(crate) ranges: Vec<Range>,
    /// Which other ends exactly, none for what the ranges say. They go into a map of their own.
    pub(crate) ends: Vec<SocketAddr>,
    /// A device that only one fault needs.
    pub(crate) device: u32,
    /// A choice that only one fault has.
    pub(crate) mode: u32,
}

/// `struct range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// The addresses that share these leading bits.
    pub(crate) network: IpAddr,
    /// How many bits.
    pub(crate) bits: u8,
}

/// `struct tally`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) seen: u64,
    pub(crate) matched: u64,
    pub(crate) hit: u64,
    pub(crate) segments: u64,
    pub(crate) segments_hit: u64,
}

impl Rule {
    /// A rule for everything that the filters of `crate::traffic` let through.
    pub(crate) fn of(values: &Checked, token: u64, seed: u64, lease: LeaseEnd) -> Rule {
        Rule {
            expires_ns: lease.boottime_ns,
            token,
            seed,
            shares: [u32::MAX; 2],
            sides: LEAVING,
            protocols: protocols(values.text("protocol")),
            ports: values.ports("port"),
            ranges: Range::of(values),
            ends: ends(values),
            ..Rule::default()
        }
    }

    /// Hurts a share of what matches; with a correlation hits come in bursts. The chance after a
    /// hit and after a miss are those of the two-state chain that has this share in the long run
    /// and this correlation from one to the next.
    pub(crate) fn share(&mut self, share: f64, correlation: f64) {
        let after_hit = share + correlation * (1.0 - share);
        let after_miss = share * (1.0 - correlation);
        self.shares = [after_hit, after_miss].map(|of| (of * f64::from(u32::MAX)).round() as u32);
    }

    /// The bytes the programs read.
    ///
    /// # Errors
    /// With more ports or ranges than a program compares.
    pub(crate) fn bytes(&self) -> Result<[u8; RULE_BYTES], EffectError> {
        let ends = self.ends.len();
        if self.ports.len().max(self.ranges.len()) > ITEMS_MAX || ends > ENDPOINTS_MAX {
            let text = format!(
                "at most {ITEMS_MAX} ports, {ITEMS_MAX} ranges and {ENDPOINTS_MAX} endpoints"
            );
            return Err(EffectError::BadValues(text));
        }
        let mut out = Vec::with_capacity(RULE_BYTES);
        for long in [self.expires_ns, self.token, self.cgroup, self.seed] {
            out.extend(long.to_ne_bytes());
        }
        let lengths = [self.ranges.len() as u32, self.ports.len() as u32];
        let [after_hit, after_miss] = self.shares;
        let numbers = [self.level, self.tgid, after_hit, after_miss, self.sides, self.protocols];
        for number in numbers.into_iter().chain(lengths) {
            out.extend(number.to_ne_bytes());
        }
        // The first one again instead of none, so that no program has to ask how many there are.
        let padding = self.ports.first().copied().unwrap_or(0);
        for at in 0..PORTS_MAX {
            out.extend(self.ports.get(at).copied().unwrap_or(padding).to_ne_bytes());
        }
        out.extend(self.device.to_ne_bytes());
        out.extend(self.mode.to_ne_bytes());
        out.extend((ends as u32).to_ne_bytes());
        out.extend([0; 4]);
        self.ranges.iter().for_each(|range| range.append(&mut out));
        out.resize(RULE_BYTES, 0);
        Ok(out.try_into().expect("invariant: the fields add up to the structure"))
    }
}

impl Tally {
    pub(crate) fn read(bytes: &[u8; TALLY_BYTES]) -> Tally {
        let number = |at: usize| {
            let bytes = bytes[at * 8..at * 8 + 8].try_into().expect("invariant: eight bytes");
            u64::from_ne_bytes(bytes)
        };
        Tally {
            seen: number(0),
            matched: number(1),
            hit: number(2),
            segments: number(3),
            segments_hit: number(4),
        }
    }
}

impl Range {
    /// What the filters `peer` and `to` say of the other end.
    pub(crate) fn of(values: &Checked) -> Vec<Range> {
        let wide = values.list("peer").iter().chain(values.list("to"));
        let wide = wide.filter_map(|range| cidr(range));
        let wide = wide.map(|(network, bits)| Range { network, bits });
        wide.collect()
    }

    /// Tells whether an address is in it.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        let (range, address) = (self.plain(), address.to_canonical());
        let number = |address: IpAddr| match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        let ((address, of), (network, wide)) = (number(address), number(range.network));
        let mask = match range.bits {
            0 => 0,
            bits => u128::MAX << (128 - u32::from(bits)),
        };
        of == wide && address & mask == network & mask
    }

    /// An IPv4 range in IPv6 clothes is IPv4: the first 96 bits are the clothes.
    fn plain(&self) -> Range {
        match (self.network, self.network.to_canonical()) {
            (IpAddr::V6(_), network @ IpAddr::V4(_)) => {
                Range { network, bits: self.bits.saturating_sub(96) }
            }
            _ => *self,
        }
    }

    fn append(&self, out: &mut Vec<u8>) {
        let range = self.plain();
        let (octets, family) = match range.network {
            IpAddr::V4(v4) => (v4.octets().to_vec(), 4u32),
            IpAddr::V6(v6) => (v6.octets().to_vec(), 6),
        };
        let (mut address, mut mask) = ([0u8; 16], [0u8; 16]);
        for (at, octet) in octets.iter().enumerate() {
            let left = usize::from(range.bits).saturating_sub(at * 8).min(8);
            mask[at] = (0xff00u16 >> left) as u8;
            address[at] = octet & mask[at];
        }
        out.extend(address);
        out.extend(mask);
        out.extend(family.to_ne_bytes());
        out.extend([0; 4]);
    }
}

/// What the filter `endpoint` says of the other end; IPv4 in IPv6 clothes is IPv4.
pub(crate) fn ends(values: &Checked) -> Vec<SocketAddr> {
    values.endpoints("endpoint").into_iter().map(plain).collect()
}

/// An end without the clothes of IPv6.
pub(crate) fn plain(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

/// `struct end`.
pub(crate) fn end_bytes(end: SocketAddr) -> [u8; END_BYTES] {
    let mut out = [0; END_BYTES];
    let family = match end.ip() {
        IpAddr::V4(v4) => {
            out[..4].copy_from_slice(&v4.octets());
            4u32
        }
        IpAddr::V6(v6) => {
            out[..16].copy_from_slice(&v6.octets());
            6
        }
    };
    out[16..20].copy_from_slice(&family.to_ne_bytes());
    out[20..].copy_from_slice(&u32::from(end.port()).to_ne_bytes());
    out
}

fn protocols(word: Option<&str>) -> u32 {
    match word {
        Some("tcp") => BIT_TCP,
        Some("udp") => BIT_UDP,
        Some("both") => BIT_TCP | BIT_UDP,
        _ => BIT_TCP | BIT_UDP | BIT_OTHER,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    fn range(text: &str) -> Range {
        let (network, bits) = cidr(text).unwrap();
        Range { network, bits }
    }

    /// Address, mask and family as hexadecimal digits without trailing zeros.
    fn shown(text: &str) -> String {
        let mut bytes = Vec::new();
        range(text).append(&mut bytes);
        let hex = |bytes: &[u8]| -> String {
            let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            text.trim_end_matches("00").to_owned()
        };
        format!("{} {} {}", hex(&bytes[..16]), hex(&bytes[16..32]), bytes[32])
    }

    #[test]
    fn ranges_are_masked_and_mapped_ones_are_ipv4() {
        assert_eq!(shown("10.1.2.3/12"), "0a fff 4".replace("0a fff", "0a fff0"));
        assert_eq!(shown("127.0.0.1"), "7f000001 ffffffff 4");
        assert_eq!(shown("::ffff:127.0.0.1/104"), "7f ff 4");
        assert_eq!(shown("fd00::1/8"), "fd ff 6");
        assert_eq!(shown("::/0"), "  6");
    }

    #[test]
    fn ranges_choose_the_other_end() {
        let has = |text: &str, address: &str| range(text).has(address.parse().unwrap());
        assert!(has("10.0.0.0/8", "10.9.0.2"));
        assert!(!has("10.0.0.1", "10.9.0.2"));
        assert!(!has("::/0", "10.9.0.2"));
        assert!(has("0.0.0.0/0", "10.9.0.2"));
        assert!(has("::ffff:10.0.0.0/104", "10.9.0.2"));
        assert!(has("10.9.0.2", "::ffff:10.9.0.2"));
        assert!(has("fd00::/8", "fd00::2"));
    }

    #[test]
    fn ends_are_keys_of_a_map() {
        let shown = |text: &str| {
            let bytes = end_bytes(plain(text.parse().unwrap()));
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let four = format!("7f000001{}04000000901f0000", "0".repeat(24));
        assert_eq!(shown("127.0.0.1:8080"), four);
        assert_eq!(shown("[::ffff:127.0.0.1]:8080"), four);
        assert_eq!(shown("[::1]:80"), format!("{}010600000050000000", "0".repeat(30)));
    }

    #[test]
    fn a_correlation_changes_the_bursts_and_not_the_share() {
        let mut rule = Rule::default();
        for (share, correlation) in [(0.1, 0.0), (0.1, 0.5), (0.3, 0.25), (1.0, 0.9)] {
            rule.share(share, correlation);
            let [hit, miss] = rule.shares.map(|of| f64::from(of) / f64::from(u32::MAX));
            // The share of a chain in balance: what comes in is what goes out.
            let in_balance = miss / (1.0 - hit + miss).max(1e-12);
            assert!((in_balance - share).abs() < 1e-6 || share == 1.0, "{share} {correlation}");
            assert!((hit - miss - correlation).abs() < 1e-6 || share == 1.0);
        }
        rule.share(1.0, 0.0);
        assert_eq!(rule.shares, [u32::MAX; 2]);
    }

    #[test]
    fn more_ports_than_a_program_compares_are_an_error() {
        let mut rule = Rule { ports: vec![1; PORTS_MAX], ..Rule::default() };
        assert_eq!(rule.bytes().unwrap().len(), RULE_BYTES);
        rule.ports.push(1);
        assert!(rule.bytes().is_err());
    }
}
