//! The packet rules of the older iptables, in the calling thread's network namespace, and the
//! matches and targets that `iptables-nft` still writes in its form.

use super::rules::{Act, Chain, Hook, Rule, Table, Term, What};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

/// Socket options, the same number for both families.
const GET_INFO: libc::c_int = 64;
const GET_ENTRIES: libc::c_int = 65;
const NAME_BYTES: usize = 32;
const INFO_BYTES: usize = 84;
/// Tables that can lead a connection elsewhere.
const TABLES: [&str; 2] = ["nat", "mangle"];
/// Before the name of a target or a match is its size, after it its revision.
const HEAD_BYTES: usize = 32;
/// A rule set that is larger is no rule set.
const RULES_BYTES_MAX: usize = 64 << 20;

/// Where the fields of a rule are.
struct Layout {
    word: &'static str,
    level: libc::c_int,
    names: &'static str,
    family: u8,
    /// Destination and its mask.
    destination: (usize, usize),
    out: usize,
    protocol: usize,
    inverted: usize,
    target_offset: usize,
    matches: usize,
}

/// Where a chain begins.
struct Head {
    start: usize,
    name: String,
    hook: Option<Hook>,
}

const HOOKS: [(&str, Option<Hook>); 5] = [
    ("PREROUTING", Some(Hook::Prerouting)),
    ("INPUT", None),
    ("FORWARD", None),
    ("OUTPUT", Some(Hook::Output)),
    ("POSTROUTING", None),
];

const LAYOUTS: [Layout; 2] = [
    Layout {
        word: "iptables",
        level: libc::SOL_IP,
        names: "/proc/thread-self/net/ip_tables_names",
        family: 4,
        destination: (4, 12),
        out: 32,
        protocol: 80,
        inverted: 83,
        target_offset: 88,
        matches: 112,
    },
    Layout {
        word: "ip6tables",
        level: libc::SOL_IPV6,
        names: "/proc/thread-self/net/ip6_tables_names",
        family: 6,
        destination: (16, 48),
        out: 80,
        protocol: 128,
        inverted: 132,
        target_offset: 140,
        matches: 168,
    },
];

/// Reads them. Asking for a table that is not there would make it, so it is looked for first.
pub(super) fn tables() -> io::Result<Vec<Table>> {
    let mut tables = Vec::new();
    for layout in &LAYOUTS {
        let names = fs::read_to_string(layout.names).unwrap_or_default();
        for name in TABLES.iter().filter(|name| names.lines().any(|line| line == **name)) {
            let (info, entries) = layout.read(name)?;
            tables.push(layout.table(name, &info, &entries));
        }
    }
    Ok(tables)
}

impl Layout {
    fn read(&self, table: &str) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let family = if self.family == 4 { libc::AF_INET } else { libc::AF_INET6 };
        let family = rustix::net::AddressFamily::from_raw(family as u16);
        let kind = rustix::net::SocketType::RAW;
        // 255 is the protocol of raw packets.
        let protocol = std::num::NonZeroU32::new(255).map(rustix::net::Protocol::from_raw);
        let socket = rustix::net::socket(family, kind, protocol)?;
        let mut info = vec![0; INFO_BYTES];
        info[..table.len()].copy_from_slice(table.as_bytes());
        option(&socket, self.level, GET_INFO, &mut info)?;
        let size = number32(&info, 80) as usize;
        if size > RULES_BYTES_MAX {
            return Err(io::Error::other(format!("{size} bytes of packet rules")));
        }
        // Name and size, padded to the alignment of a rule.
        let head = NAME_BYTES + 8;
        let mut entries = vec![0; head + size];
        entries[..table.len()].copy_from_slice(table.as_bytes());
        entries[NAME_BYTES..NAME_BYTES + 4].copy_from_slice(&(size as u32).to_ne_bytes());
        option(&socket, self.level, GET_ENTRIES, &mut entries)?;
        Ok((info, entries.split_off(head)))
    }

    fn table(&self, name: &str, info: &[u8], entries: &[u8]) -> Table {
        let heads = self.heads(info, entries);
        let mut chains: Vec<Chain> = Vec::new();
        for (at, bytes, target) in self.entries(entries) {
            if let Some(head) = heads.iter().find(|head| head.start == at) {
                let (name, hook) = (head.name.clone(), head.hook);
                chains.push(Chain { name, hook, rules: Vec::new() });
            }
            if let Some(chain) = chains.last_mut() {
                chain.rules.push(self.rule(bytes, target, &heads));
            }
        }
        Table { name: format!("{} {name}", self.word), family: Some(self.family), chains }
    }

    /// Where each chain begins.
    fn heads(&self, info: &[u8], entries: &[u8]) -> Vec<Head> {
        let valid = number32(info, 32);
        let hooks = (0..5).filter(|hook| valid & (1 << hook) != 0).map(|hook| Head {
            start: number32(info, 36 + 4 * hook) as usize,
            name: HOOKS[hook].0.to_owned(),
            hook: HOOKS[hook].1,
        });
        let mut heads: Vec<Head> = hooks.collect();
        for (at, bytes, target) in self.entries(entries) {
            if target_name(bytes, target) == "ERROR" {
                // The head of a chain that others call, with its name.
                let name = text(&bytes[target + HEAD_BYTES..]);
                heads.push(Head { start: at + bytes.len(), name, hook: None });
            }
        }
        heads
    }

    /// The rules: where each is, its bytes, and where in them its target is.
    fn entries<'a>(&self, all: &'a [u8]) -> impl Iterator<Item = (usize, &'a [u8], usize)> {
        let (matches, offset) = (self.matches, self.target_offset);
        let mut at = 0;
        std::iter::from_fn(move || {
            let rest = all.get(at..)?;
            let target = usize::from(number16(rest, offset));
            let next = usize::from(number16(rest, offset + 2));
            let bytes = rest.get(..next)?;
            let sound = target >= matches && next >= target + HEAD_BYTES + 4;
            let found = (at, bytes, target);
            at += next;
            sound.then_some(found)
        })
    }

    fn rule(&self, bytes: &[u8], target: usize, heads: &[Head]) -> Rule {
        const INVERTED_OUT: u8 = 0x02;
        const INVERTED_TO: u8 = 0x10;
        const INVERTED_PROTOCOL: u8 = 0x40;
        let inverted = bytes[self.inverted];
        let mut terms = Vec::new();
        let mut term = |what, bit| terms.push(Term { what, not: inverted & bit != 0 });
        if bytes[self.protocol] != 0 {
            term(What::Protocol(bytes[self.protocol]), INVERTED_PROTOCOL);
        }
        let out = text(&bytes[self.out..self.out + 16]);
        if !out.is_empty() {
            // A pattern such as `veth+` is told by its mask.
            let mask = &bytes[self.out + 32..self.out + 48];
            let whole = mask.get(out.len()).is_some_and(|byte| *byte != 0);
            term(if whole { What::Out(out) } else { What::Other }, INVERTED_OUT);
        }
        if let Some(what) = self.network(bytes) {
            term(what, INVERTED_TO);
        }
        let mut at = self.matches;
        while at + HEAD_BYTES <= target {
            let size = usize::from(number16(bytes, at));
            if size < HEAD_BYTES || at + size > target {
                break;
            }
            let name = text(&bytes[at + 2..at + 31]);
            terms.extend(self::terms(&name, &bytes[at + HEAD_BYTES..at + size]));
            at += size;
        }
        let act = match target_name(bytes, target).as_str() {
            "" => verdict(number32(bytes, target + HEAD_BYTES).cast_signed(), heads),
            other => act(other).unwrap_or_default(),
        };
        Rule { terms, act }
    }

    fn network(&self, bytes: &[u8]) -> Option<What> {
        let (address, mask) = self.destination;
        let width = if self.family == 4 { 4 } else { 16 };
        let mask = &bytes[mask..mask + width];
        let address = &bytes[address..address + width];
        let ones: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
        let ip: IpAddr = if self.family == 4 {
            Ipv4Addr::from(<[u8; 4]>::try_from(address).ok()?).into()
        } else {
            Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?).into()
        };
        let leading: u32 = mask.iter().map(|byte| byte.leading_ones()).take_while(|n| *n > 0).sum();
        match ones {
            0 => None,
            ones if ones == leading => Some(What::Network(ip, ones as u8)),
            _ => Some(What::Other),
        }
    }
}

/// A verdict is negative; anything else is where to go on, which may be behind the rule itself.
fn verdict(code: i32, heads: &[Head]) -> Act {
    match usize::try_from(code) {
        Err(_) => Act::End,
        Ok(to) => {
            let chain = heads.iter().find(|head| head.start == to && head.hook.is_none());
            chain.map_or(Act::Nothing, |head| Act::Jump(head.name.clone()))
        }
    }
}

fn target_name(bytes: &[u8], target: usize) -> String {
    text(&bytes[target + 2..target + 31])
}

/// What a match asks.
pub(super) fn terms(name: &str, info: &[u8]) -> Vec<Term> {
    let one = |what, not| vec![Term { what, not }];
    match name {
        "comment" => Vec::new(),
        // Four ports, source first; the flags are behind what only TCP has.
        "tcp" | "udp" if info.len() >= 10 => {
            let flags = if name == "tcp" { info.get(11) } else { info.get(8) };
            let not = flags.is_some_and(|flags| flags & 2 != 0);
            let to = What::Ports(number16(info, 4), number16(info, 6));
            let protocol = What::Protocol(if name == "tcp" { 6 } else { 17 });
            let ports = Term { what: to, not };
            vec![Term { what: protocol, not: false }, ports]
        }
        "owner" if info.len() >= 18 => {
            let (asked, inverted) = (info[16], info[17]);
            let range = |at| (number32(info, at), number32(info, at + 4));
            let user = (asked & 1 != 0).then(|| What::User(range(0).0, range(0).1));
            let group = (asked & 2 != 0).then(|| What::Group(range(8).0, range(8).1));
            let term =
                |what: Option<What>, bit| what.map(|what| Term { what, not: inverted & bit != 0 });
            term(user, 1).into_iter().chain(term(group, 2)).collect()
        }
        "owner" | "cgroup" => one(What::Owner, false),
        _ => one(What::Other, false),
    }
}

/// What a target does, where it leads somewhere or ends the chain.
pub(super) fn act(target: &str) -> Option<Act> {
    match target {
        "REDIRECT" | "DNAT" => Some(Act::Redirect),
        "TPROXY" => Some(Act::Tproxy),
        _ => None,
    }
}

fn option(
    socket: &impl AsRawFd,
    level: libc::c_int,
    name: libc::c_int,
    bytes: &mut [u8],
) -> io::Result<()> {
    let mut length = bytes.len() as libc::socklen_t;
    // SAFETY: the buffer is writable for the length that goes along, and outlives the call.
    let answer = unsafe {
        let to = bytes.as_mut_ptr().cast();
        libc::getsockopt(socket.as_raw_fd(), level, name, to, &raw mut length)
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Zero where the bytes end before.
fn number32(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    found.map_or(0, u32::from_ne_bytes)
}

fn number16(bytes: &[u8], at: usize) -> u16 {
    let found = bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
    found.map_or(0, u16::from_ne_bytes)
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Bytes of the kernel are sound; reading others must still end.
        #[test]
        fn any_bytes_are_read_to_an_end(
            info in proptest::collection::vec(any::<u8>(), 0..100),
            mut entries in proptest::collection::vec(any::<u8>(), 0..2_000),
            sound in any::<bool>(),
        ) {
            for layout in &LAYOUTS {
                if sound && entries.len() > 400 {
                    // One rule that says where its target and its end are.
                    let target = layout.matches as u16;
                    entries[layout.target_offset..][..2].copy_from_slice(&target.to_ne_bytes());
                    let next = (target + 40).to_ne_bytes();
                    entries[layout.target_offset + 2..][..2].copy_from_slice(&next);
                }
                let table = layout.table("nat", &info, &entries);
                prop_assert!(table.chains.len() <= entries.len());
            }
            for name in ["tcp", "udp", "owner", "cgroup", "comment"] {
                terms(name, &info);
            }
        }
    }

    #[test]
    fn matches_ask_what_their_bytes_say() {
        let tcp = [0, 0, 255, 255, 80, 0, 90, 0, 0, 0, 0, 2];
        let asked = terms("tcp", &tcp);
        assert_eq!(asked[1], Term { what: What::Ports(80, 90), not: true });
        let mut owner = [0; 20];
        owner[0] = 7;
        owner[4] = 9;
        owner[16] = 1;
        owner[17] = 1;
        assert_eq!(terms("owner", &owner), [Term { what: What::User(7, 9), not: true }]);
        assert_eq!(terms("owner", &owner[..9]), [Term { what: What::Owner, not: false }]);
        assert_eq!(terms("addrtype", &[]), [Term { what: What::Other, not: false }]);
    }
}
