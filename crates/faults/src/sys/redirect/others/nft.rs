//! The packet rules of nftables, those of `iptables-nft` included, in the calling thread's network
//! namespace.

use super::rules::{Act, Chain, Hook, Rule, Table, Term, What};
use super::xtables;
use crate::sys::netlink::{Netlink, attributes};
use rustix::net::netlink;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

const GETCHAIN: u16 = 10 << 8 | 4;
const GETRULE: u16 = 10 << 8 | 7;
const PREROUTING: u32 = 0;
const OUTPUT: u32 = 3;
/// Keys of `meta`.
const OUT_NAME: u32 = 7;
const USER: u32 = 10;
const GROUP: u32 = 11;
const FAMILY: u32 = 15;
const PROTOCOL: u32 = 16;
const CGROUP: u32 = 23;
/// Operators of `cmp`.
const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;
const AT_MOST: u32 = 3;
const AT_LEAST: u32 = 5;
/// Verdicts, as the kernel counts them.
const JUMP: i32 = -3;
const GOTO: i32 = -4;
const CONTINUE: i32 = -1;

/// What a register holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loaded {
    Meta(u32),
    Port,
    ProtocolByte,
    /// So many leading bits of the destination, of this family.
    Destination(u8, u8),
    Owner,
    Other,
}

/// Reads all tables that can lead a connection elsewhere; none where the kernel has no nftables.
pub(super) fn tables() -> io::Result<Vec<Table>> {
    let Ok(socket) = Netlink::open(Some(netlink::NETFILTER)) else { return Ok(Vec::new()) };
    let chains = match socket.list(GETCHAIN, &[0; 4]) {
        Ok(chains) => chains,
        // Without nftables in the kernel nobody has rules of it.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP)) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut tables: BTreeMap<(u8, String), Vec<Chain>> = BTreeMap::new();
    for (_, body) in &chains {
        let Some((family, table, chain)) = chain(body) else { continue };
        tables.entry((family, table)).or_default().push(chain);
    }
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    for (_, body) in socket.list(GETRULE, &[0; 4])? {
        let Some((key, name, rule)) = rule(&body) else { continue };
        let chains = tables.get_mut(&key).into_iter().flatten();
        chains.filter(|chain| chain.name == name).for_each(|chain| chain.rules.push(rule.clone()));
    }
    Ok(tables.into_iter().filter_map(table).collect())
}

fn table(((family, name), chains): ((u8, String), Vec<Chain>)) -> Option<Table> {
    let (word, family) = match family {
        1 => ("inet", None),
        2 => ("ip", Some(4)),
        10 => ("ip6", Some(6)),
        // Bridges and devices know no sockets.
        _ => return None,
    };
    Some(Table { name: format!("nft {word} {name}"), family, chains })
}

fn chain(body: &[u8]) -> Option<(u8, String, Chain)> {
    let fields = attributes(body.get(4..)?);
    let hook = find(&fields, 4).map(attributes);
    let hook = match hook.as_deref().and_then(|hook| big(find(hook, 1)?)) {
        Some(PREROUTING) => Some(Hook::Prerouting),
        Some(OUTPUT) => Some(Hook::Output),
        _ => None,
    };
    let name = text(find(&fields, 3)?);
    Some((body[0], text(find(&fields, 1)?), Chain { name, hook, rules: Vec::new() }))
}

type Placed = ((u8, String), String, Rule);

fn rule(body: &[u8]) -> Option<Placed> {
    let fields = attributes(body.get(4..)?);
    let mut reader = Reader::default();
    let expressions = find(&fields, 4).map(attributes).unwrap_or_default();
    for (_, expression) in expressions {
        let parts = attributes(expression);
        let data = find(&parts, 2).map(attributes).unwrap_or_default();
        reader.read(&text(find(&parts, 1)?), &data);
    }
    let table = (body[0], text(find(&fields, 1)?));
    Some((table, text(find(&fields, 2)?), reader.rule))
}

#[derive(Default)]
struct Reader {
    registers: BTreeMap<u32, Loaded>,
    rule: Rule,
}

type Fields<'a> = [(u16, &'a [u8])];

impl Reader {
    fn read(&mut self, name: &str, data: &Fields<'_>) {
        let number = |kind| find(data, kind).and_then(big).unwrap_or(0);
        match name {
            "payload" => self.load(number(1), payload(number(2), number(3), number(4))),
            "meta" => self.load(number(1), Loaded::Meta(number(2))),
            "socket" => self.load(number(2), Loaded::Owner),
            "bitwise" => {
                let masked = self.masked(number(1), find(data, 4).map(attributes));
                self.load(number(2), masked);
            }
            "cmp" => self.compare(number(1), number(2), value(data, 3)),
            "range" => self.range(number(1), number(2), value(data, 3), value(data, 4)),
            "immediate" => self.verdict(data),
            "redir" => self.rule.act = Act::Redirect,
            "nat" if number(1) == 1 => self.rule.act = Act::Redirect,
            "tproxy" => self.rule.act = Act::Tproxy,
            "match" => {
                let name = find(data, 1).map(text).unwrap_or_default();
                self.rule.terms.extend(xtables::terms(&name, find(data, 3).unwrap_or_default()));
            }
            "target" => {
                let name = find(data, 1).map(text).unwrap_or_default();
                self.rule.act = xtables::act(&name).unwrap_or(self.rule.act.clone());
            }
            // A map of verdicts writes to no register.
            "lookup" if find(data, 3).is_some_and(|to| big(to) == Some(0)) => {
                self.rule.act = Act::JumpAnywhere;
                self.term(What::Other, false);
            }
            "lookup" if self.registers.get(&number(2)) == Some(&Loaded::Owner) => {
                self.term(What::Owner, false);
            }
            "nat" | "masq" | "counter" | "log" | "notrack" => {}
            _ => self.term(What::Other, false),
        }
    }

    fn term(&mut self, what: What, not: bool) {
        self.rule.terms.push(Term { what, not });
    }

    fn load(&mut self, register: u32, loaded: Loaded) {
        self.registers.insert(register, loaded);
    }

    fn masked(&self, register: u32, mask: Option<Vec<(u16, &[u8])>>) -> Loaded {
        let Some(Loaded::Destination(family, bits)) = self.registers.get(&register) else {
            return Loaded::Other;
        };
        let mask = mask.and_then(|mask| find(&mask, 1).map(<[u8]>::to_vec)).unwrap_or_default();
        let ones = mask.iter().map(|byte| byte.leading_ones()).take_while(|ones| *ones > 0);
        let prefix: u32 = ones.sum();
        let whole: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
        match u8::try_from(prefix) {
            Ok(prefix) if u32::from(prefix) == whole && prefix <= *bits => {
                Loaded::Destination(*family, prefix)
            }
            _ => Loaded::Other,
        }
    }

    fn compare(&mut self, register: u32, operator: u32, data: Option<Vec<u8>>) {
        let loaded = self.registers.get(&register).copied().unwrap_or(Loaded::Other);
        let data = data.unwrap_or_default();
        let port = || Some(u16::from_be_bytes(data.get(..2)?.try_into().ok()?));
        let id = || Some(u32::from_ne_bytes(data.get(..4)?.try_into().ok()?));
        let what = match (loaded, operator) {
            (Loaded::Port, EQUAL | NOT_EQUAL) => port().map(|port| What::Ports(port, port)),
            (Loaded::Port, AT_LEAST) => port().map(|port| What::Ports(port, u16::MAX)),
            (Loaded::Port, AT_MOST) => port().map(|port| What::Ports(0, port)),
            (_, operator) if operator > NOT_EQUAL => None,
            (Loaded::ProtocolByte | Loaded::Meta(PROTOCOL), _) => {
                data.first().map(|byte| What::Protocol(*byte))
            }
            (Loaded::Meta(FAMILY), _) => {
                data.first().map(|byte| What::Family(if *byte == 2 { 4 } else { 6 }))
            }
            (Loaded::Meta(OUT_NAME), _) => Some(What::Out(text(&data))),
            (Loaded::Meta(USER), _) => id().map(|id| What::User(id, id)),
            (Loaded::Meta(GROUP), _) => id().map(|id| What::Group(id, id)),
            (Loaded::Meta(CGROUP) | Loaded::Owner, _) => Some(What::Owner),
            (Loaded::Destination(family, bits), _) => {
                address(family, &data).map(|network| What::Network(network, bits))
            }
            _ => None,
        };
        self.term(what.unwrap_or(What::Other), operator == NOT_EQUAL);
    }

    fn range(&mut self, register: u32, operator: u32, from: Option<Vec<u8>>, to: Option<Vec<u8>>) {
        let loaded = self.registers.get(&register).copied();
        let port =
            |data: Option<Vec<u8>>| Some(u16::from_be_bytes(data?.get(..2)?.try_into().ok()?));
        let what = match (loaded, port(from), port(to)) {
            (Some(Loaded::Port), Some(from), Some(to)) => What::Ports(from, to),
            (Some(Loaded::Meta(USER | GROUP | CGROUP)), ..) => What::Owner,
            _ => What::Other,
        };
        self.term(what, operator == NOT_EQUAL);
    }

    fn verdict(&mut self, data: &Fields<'_>) {
        let verdict = find(data, 2).map(attributes);
        let verdict = verdict.as_deref().and_then(|data| find(data, 2)).map(attributes);
        // Any other immediate value is for a register, such as the port of a redirect.
        let Some(verdict) = verdict else { return };
        let code = find(&verdict, 1).and_then(big).unwrap_or(0).cast_signed();
        self.rule.act = match (code, find(&verdict, 2)) {
            (JUMP | GOTO, Some(chain)) => Act::Jump(text(chain)),
            (CONTINUE, _) => Act::Nothing,
            _ => Act::End,
        };
    }
}

fn payload(base: u32, offset: u32, length: u32) -> Loaded {
    /// Headers that an offset is from.
    const NETWORK: u32 = 1;
    const TRANSPORT: u32 = 2;
    match (base, offset, length) {
        (NETWORK, 9, 1) => Loaded::ProtocolByte,
        // A network of whole bytes is read as so many.
        (NETWORK, 16, 1..=4) => Loaded::Destination(4, length as u8 * 8),
        (NETWORK, 24, 1..=16) => Loaded::Destination(6, length as u8 * 8),
        (TRANSPORT, 2, 2) => Loaded::Port,
        _ => Loaded::Other,
    }
}

fn address(family: u8, data: &[u8]) -> Option<IpAddr> {
    let mut bytes = [0; 16];
    bytes.get_mut(..data.len())?.copy_from_slice(data);
    let four: [u8; 4] = bytes[..4].try_into().ok()?;
    Some(if family == 4 { four.into() } else { bytes.into() })
}

/// The value of a nested attribute.
fn value(data: &Fields<'_>, kind: u16) -> Option<Vec<u8>> {
    let nested = attributes(find(data, kind)?);
    find(&nested, 1).map(<[u8]>::to_vec)
}

fn find<'a>(fields: &[(u16, &'a [u8])], kind: u16) -> Option<&'a [u8]> {
    fields.iter().find(|(found, _)| *found == kind).map(|(_, value)| *value)
}

/// Numbers of nftables are in network order.
fn big(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?))
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netlink::put;
    use proptest::prelude::*;

    proptest! {
        /// Messages of the kernel are sound; reading others must still end.
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _no_chain = chain(&bytes);
            let _no_rule = rule(&bytes);
            for name in ["payload", "meta", "bitwise", "cmp", "range", "immediate", "nat", "lookup"] {
                let mut reader = Reader::default();
                reader.read("payload", &attributes(&bytes));
                reader.read(name, &attributes(&bytes));
                reader.read("cmp", &attributes(&bytes));
            }
        }
    }

    /// An expression: its name, and numbers or nested values by kind.
    fn expression(name: &str, numbers: &[(u16, u32)], values: &[(u16, &[u8])]) -> Vec<u8> {
        let mut data = Vec::new();
        numbers.iter().for_each(|(kind, number)| put(&mut data, *kind, &number.to_be_bytes()));
        for (kind, value) in values {
            let mut nested = Vec::new();
            put(&mut nested, 1, value);
            put(&mut data, *kind, &nested);
        }
        let mut body = Vec::new();
        put(&mut body, 1, name.as_bytes());
        put(&mut body, 2, &data);
        body
    }

    #[test]
    fn a_rule_is_read_as_its_expressions_say() {
        let expressions = [
            expression("payload", &[(1, 1), (2, 1), (3, 16), (4, 4)], &[]),
            expression("bitwise", &[(1, 1), (2, 1)], &[(4, &[255, 240, 0, 0])]),
            expression("cmp", &[(1, 1), (2, NOT_EQUAL)], &[(3, &[10, 16, 0, 0])]),
            // Whole bytes are compared without a mask.
            expression("payload", &[(1, 1), (2, 1), (3, 16), (4, 1)], &[]),
            expression("cmp", &[(1, 1), (2, EQUAL)], &[(3, &[10])]),
            expression("meta", &[(1, 1), (2, USER)], &[]),
            expression("cmp", &[(1, 1), (2, EQUAL)], &[(3, &1337u32.to_ne_bytes())]),
            expression("redir", &[], &[]),
        ];
        let mut list = Vec::new();
        expressions.iter().for_each(|one| put(&mut list, 1, one));
        let mut body = vec![2, 0, 0, 0];
        for (kind, value) in [(1, &b"nat"[..]), (2, b"OUTPUT"), (4, &list)] {
            put(&mut body, kind, value);
        }
        let (table, chain, rule) = rule(&body).expect("it has a table and a chain");
        assert_eq!((table, chain.as_str()), ((2, "nat".to_owned()), "OUTPUT"));
        let network = |text: &str, bits| What::Network(text.parse().expect("an address"), bits);
        let term = |what, not| Term { what, not };
        assert_eq!(
            rule.terms,
            [
                term(network("10.16.0.0", 12), true),
                term(network("10.0.0.0", 8), false),
                term(What::User(1337, 1337), false),
            ]
        );
        assert_eq!(rule.act, Act::Redirect);
    }
}
