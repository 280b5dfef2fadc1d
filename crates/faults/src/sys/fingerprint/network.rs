//! Routes, rules, addresses, queues, filters and packet rules of some network namespaces.

use super::{Facts, Named};
use crate::sys::device::OWN;
use crate::sys::netlink::{Netlink, attributes, number32};
use crate::sys::netns::Netns;
use crate::sys::qdisc;
use rustix::net::{Protocol, netlink};
use squall_wire::fingerprint::OF_TARGET;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The first protocol of netlink is the default one.
const ROUTE: Option<Protocol> = None;
const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
const RTM_GETROUTE: u16 = 26;
const RTM_GETRULE: u16 = 34;
const RTM_GETQDISC: u16 = 38;
const RTM_GETTFILTER: u16 = 46;
const NFT_GETTABLE: u16 = 10 << 8 | 1;
const NFT_GETRULE: u16 = 10 << 8 | 7;
/// A route the kernel made for one connection.
const RTM_F_CLONED: u32 = 0x200;
const RTN_UNICAST: u8 = 1;
/// Where filters hang that are in the way of every packet.
const CLSACT: [u32; 2] = [0xffff_fff2, 0xffff_fff3];

/// One category: its name and how one namespace's facts of it are read.
type Category = (&'static str, fn() -> Facts);

const CATEGORIES: &[Category] = &[
    ("addresses", addresses),
    ("devices", devices),
    ("nft rules", nft_rules),
    ("nft tables", nft_tables),
    ("qdiscs", qdiscs),
    ("routes", routes),
    ("rules", rules),
    ("tc filters", filters),
];

/// Reads all categories in all namespaces, by a thread that visits them and ends.
pub(super) fn facts(spaces: &BTreeMap<u64, Netns>) -> Vec<Named> {
    let visit = || -> Vec<Named> {
        let mut all: Vec<Named> =
            CATEGORIES.iter().map(|(name, _)| (*name, Ok(Vec::new()))).collect();
        for space in spaces.values() {
            let entered = space.enter();
            for ((_, all), (_, read)) in all.iter_mut().zip(CATEGORIES) {
                let here = match &entered {
                    Ok(()) => read(),
                    Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                };
                match (all.as_mut(), here) {
                    (Ok(all), Ok(here)) => {
                        let named =
                            here.iter().map(|fact| format!("net:[{}] {fact}", space.inode()));
                        all.extend(named);
                    }
                    // Where one namespace is not read the category proves nothing.
                    (Ok(_), Err(error)) => *all = Err(error),
                    (Err(_), _) => {}
                }
            }
        }
        all
    };
    let died = |_| {
        let died = || Err(io::Error::other("the thread that reads it died"));
        CATEGORIES.iter().map(|(name, _)| (*name, died())).collect()
    };
    std::thread::scope(|scope| scope.spawn(visit).join().unwrap_or_else(died))
}

fn list(protocol: Option<Protocol>, kind: u16, body: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let messages = Netlink::open(protocol)?.list(kind, body)?;
    Ok(messages.into_iter().map(|(_, body)| body).collect())
}

/// `struct ifaddrmsg`: family, prefix length, flags, scope, interface.
fn addresses() -> Facts {
    let fact = |body: &Vec<u8>| {
        let fields = attributes(body.get(8..)?);
        let find = |kind: u16| fields.iter().find(|(found, _)| *found == kind);
        let (_, address) = find(2).or_else(|| find(1))?;
        Some(format!("{}/{} on {}", address_text(address), body[1], number32(body, 4)?))
    };
    Ok(list(ROUTE, RTM_GETADDR, &[0; 8])?.iter().filter_map(fact).collect())
}

/// Devices that Squall made; others come and go with containers. `struct ifinfomsg`.
fn devices() -> Facts {
    let fact = |body: &Vec<u8>| {
        let fields = attributes(body.get(16..)?);
        let (_, name) = fields.iter().find(|(kind, _)| *kind == 3)?;
        Some(text(name)).filter(|name| name.starts_with(OWN))
    };
    Ok(list(ROUTE, RTM_GETLINK, &[0; 16])?.iter().filter_map(fact).collect())
}

/// `struct rtmsg`: family, lengths of destination and source, tos, table, protocol, scope, type,
/// flags. Local and broadcast routes follow from addresses and are left out.
fn routes() -> Facts {
    let fact = |body: &Vec<u8>| {
        let fields = attributes(body.get(12..)?);
        let find = |kind: u16| fields.iter().find(|(found, _)| *found == kind).map(|found| found.1);
        let number = |kind: u16| find(kind).and_then(|bytes| number32(bytes, 0)).unwrap_or(0);
        let table = find(15).and_then(|bytes| number32(bytes, 0)).unwrap_or(u32::from(body[4]));
        let cloned = number32(body, 8)? & RTM_F_CLONED != 0;
        let implied = table == 255 && body[7] != RTN_UNICAST;
        if cloned || implied {
            return None;
        }
        let to = find(1).map_or_else(|| "default".to_owned(), address_text);
        let via = find(5).map(|address| format!(" via {}", address_text(address)));
        Some(format!(
            "family {} table {table} {to}/{}{} dev {} type {} metric {}",
            body[0],
            body[1],
            via.unwrap_or_default(),
            number(4),
            body[7],
            number(6),
        ))
    };
    Ok(list(ROUTE, RTM_GETROUTE, &[0; 12])?.iter().filter_map(fact).collect())
}

/// `struct fib_rule_hdr`, then attributes; printed whole, because any of them may redirect.
fn rules() -> Facts {
    let fact = |body: &Vec<u8>| {
        let fields = attributes(body.get(12..)?).into_iter();
        let fields = fields.map(|(kind, value)| format!("{kind}={}", hex(value)));
        let fields: Vec<_> = fields.collect();
        Some(format!("family {} action {} {}", body[0], body[7], fields.join(" ")))
    };
    Ok(list(ROUTE, RTM_GETRULE, &[0; 12])?.iter().filter_map(fact).collect())
}

/// `struct tcmsg`: family, padding, interface, handle, parent, info.
fn qdiscs() -> Facts {
    let listed = list(ROUTE, RTM_GETQDISC, &[0; 20])?;
    Ok(listed.iter().filter_map(|body| queue(body)).collect())
}

fn queue(body: &[u8]) -> Option<String> {
    let fields = attributes(body.get(20..)?);
    let (_, kind) = fields.iter().find(|(found, _)| *found == 1)?;
    let (handle, parent) = (number32(body, 8)?, number32(body, 12)?);
    // One of ours says so: others come and go with containers.
    let mark = if qdisc::is_own(handle) { OF_TARGET } else { "" };
    let device = number32(body, 4)?;
    Some(format!("{} dev {device} handle {handle:x} parent {parent:x}{mark}", text(kind)))
}

/// Filters hang on a `clsact` or `ingress` queue; other ones are not made by any fault.
fn filters() -> Facts {
    let mut facts = Vec::new();
    for body in list(ROUTE, RTM_GETQDISC, &[0; 20])? {
        let hangs = queue(&body)
            .is_some_and(|text| text.starts_with("clsact") || text.starts_with("ingress"));
        let Some(device) = number32(&body, 4).filter(|_| hangs) else { continue };
        for parent in CLSACT {
            let mut ask = vec![0; 20];
            ask[4..8].copy_from_slice(&device.to_ne_bytes());
            ask[12..16].copy_from_slice(&parent.to_ne_bytes());
            let listed = list(ROUTE, RTM_GETTFILTER, &ask)?;
            facts.extend(listed.iter().filter_map(|body| queue(body)));
        }
    }
    Ok(facts)
}

/// `struct nfgenmsg`: family, version, resource.
fn nft_tables() -> Facts {
    let fact = |body: &Vec<u8>| {
        let fields = attributes(body.get(4..)?);
        let (_, name) = fields.iter().find(|(kind, _)| *kind == 1)?;
        Some(format!("family {} {}", body[0], text(name)))
    };
    Ok(list(Some(netlink::NETFILTER), NFT_GETTABLE, &[0; 4])?.iter().filter_map(fact).collect())
}

/// A rule in somebody's own chain is debris as a table is; equal ones are counted.
fn nft_rules() -> Facts {
    let fact = |body: &Vec<u8>| {
        let fields = attributes(body.get(4..)?);
        let find = |kind: u16| fields.iter().find(|(found, _)| *found == kind);
        let (table, chain) = (find(1)?.1, find(2)?.1);
        Some(format!("family {} {} {}", body[0], text(table), text(chain)))
    };
    Ok(list(Some(netlink::NETFILTER), NFT_GETRULE, &[0; 4])?.iter().filter_map(fact).collect())
}

fn address_text(bytes: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        Ipv4Addr::from(four).to_string()
    } else if let Ok(sixteen) = <[u8; 16]>::try_from(bytes) {
        Ipv6Addr::from(sixteen).to_string()
    } else {
        hex(bytes)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
