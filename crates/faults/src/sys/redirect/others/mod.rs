//! Redirects of others, looked for before one of ours is made: packet rules in the target's network
//! namespace, socket lookup programs on it, programs on the target's cgroup and above.
//!
//! Where both can act, ours goes first and theirs sees what it always saw, and the record says so.
//! Where one would take the other's place, or the agent's connections would be treated unlike the
//! target's, nothing is made and the diagnostic names what stands in the way.

mod here;
mod nft;
mod programs;
mod rules;
mod xtables;

pub(in crate::sys) use here::here;

use super::Course;
use super::ends::{self, Protocols};
use crate::effect::EffectError;
use crate::sys::cgroup;
use crate::sys::netns::Netns;
use crate::sys::process::system;
use programs::Foreign;
use rules::{Flow, Found, Hook, Table};
use squall_proxy::Remote;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

const TCP: u8 = 6;
const UDP: u8 = 17;
/// Where the kernel takes ports from for whoever asks for none.
const FREE_PORTS: &str = "/proc/sys/net/ipv4/ip_local_port_range";
const FREE_PORTS_USUAL: (u16, u16) = (32_768, 60_999);

/// User and group of the sockets of a process.
type Owner = (u32, u32);

/// What stands beside a redirect to be made, for the record; empty where nothing does.
///
/// # Errors
/// When it is in the way.
pub(super) fn beside(netns: &Netns, pid: u32, course: &Course) -> Result<Vec<String>, EffectError> {
    let mut beside = match course {
        Course::Inbound(_) => lookups(netns)?,
        Course::Outbound { origin, protocols, .. } => match origin.folder() {
            Some(folder) => connects(folder, *protocols)?,
            None => Vec::new(),
        },
    };
    let read = netns.inside(|| Ok((xtables::tables()?, nft::tables()?, free_ports())))?;
    let (mut tables, nft, free) = read.map_err(refused("the packet rules of the target"))?;
    tables.extend(nft);
    if tables.is_empty() {
        return Ok(beside);
    }
    let owners = [owner(&format!("/proc/{pid}/status")), owner("/proc/thread-self/status")];
    let [target, agent] = owners.map(|owner| owner.unwrap_or((0, 0)));
    beside.extend(match course {
        Course::Inbound(locals) => to_target(&tables, locals, agent)?,
        Course::Outbound { to, protocols, .. } => {
            let to = to.iter().map(|text| ends::parse(text)).collect::<Result<Vec<_>, _>>()?;
            from_target(&tables, &to, *protocols, free, [target, agent])?
        }
    });
    Ok(beside)
}

fn lookups(netns: &Netns) -> Result<Vec<String>, EffectError> {
    let found = programs::lookups(netns.file());
    let found = found.map_err(refused("the list of socket lookup programs"))?;
    let Some(first) = found.first() else { return Ok(Vec::new()) };
    Err(in_the_way(format!(
        "the program {} of somebody else chooses the sockets in the target's network namespace, \
         and would be overruled",
        first.name
    )))
}

fn connects(target: &Path, protocols: Protocols) -> Result<Vec<String>, EffectError> {
    let trees = cgroup::trees().map_err(system("look for mounted cgroups"))?;
    let tree = trees.into_iter().find(|tree| tree.v2);
    let mount = tree.map_or_else(|| target.to_owned(), |tree| tree.mount);
    let own = cgroup::v2_group(std::process::id())?.folder;
    let mut beside = Vec::new();
    for folder in target.ancestors().take_while(|folder| folder.starts_with(&mount)) {
        let found = programs::connects(folder, protocols == Protocols::Both);
        let found = found.map_err(refused("the list of cgroup programs"))?;
        let (same, shared) = (folder == target, own.starts_with(folder));
        for Foreign { name, overridable } in found {
            let where_ = folder.display();
            let why = match () {
                () if same => "it would see the proxy, or hide from it what the target asked for",
                () if overridable => "one of ours below it would take its place",
                () if !shared => "the agent is not below it, so the proxy's connections pass it by",
                () => {
                    beside.push(format!("before {name} on {where_}"));
                    continue;
                }
            };
            return Err(in_the_way(format!(
                "the program {name} of somebody else leads connections on {where_}, and {why}"
            )));
        }
    }
    beside.dedup();
    Ok(beside)
}

/// What the proxy sends to the target must arrive, and it stays on the loopback device.
fn to_target(
    tables: &[Table],
    locals: &[SocketAddr],
    agent: Owner,
) -> Result<Vec<String>, EffectError> {
    let mut beside = Vec::new();
    for local in locals {
        let (network, prefix) = if local.ip().is_unspecified() {
            (local.ip(), 0)
        } else {
            (local.ip(), width(local.ip()))
        };
        let ports = (local.port(), local.port());
        let owners = vec![agent];
        let near = Flow { protocol: TCP, network, prefix, ports, loopback: true, owners };
        if let Some(place) = kept(tables, &near) {
            return Err(in_the_way(format!(
                "a packet rule ({place}) would lead the proxy's own connections to {local} away"
            )));
        }
        let far = Flow { loopback: false, ..near };
        beside.extend(tables.iter().filter_map(|table| {
            let found = table.follow(Hook::Prerouting, &far);
            found.redirected.or(found.taken).map(|place| format!("behind {place}"))
        }));
    }
    beside.sort();
    beside.dedup();
    Ok(beside)
}

/// What the target sends must reach the proxy, and what the proxy sends must go where the target's
/// would have gone.
fn from_target(
    tables: &[Table],
    to: &[Remote],
    protocols: Protocols,
    free: (u16, u16),
    [target, agent]: [Owner; 2],
) -> Result<Vec<String>, EffectError> {
    let kinds: &[u8] = if protocols == Protocols::Both { &[TCP, UDP] } else { &[TCP] };
    let mut beside = Vec::new();
    for protocol in kinds.iter().copied() {
        for network in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            let (prefix, owners) = (width(network), vec![target]);
            let near = Flow { protocol, network, prefix, ports: free, loopback: true, owners };
            if let Some(place) = kept(tables, &near) {
                return Err(in_the_way(format!(
                    "a packet rule ({place}) would lead the target away from the proxy on {network}"
                )));
            }
        }
        for far in remotes(to, protocol, vec![target, agent]) {
            for Found { redirected, by_owner, .. } in
                tables.iter().map(|table| table.follow(Hook::Output, &far))
            {
                if let Some(place) = by_owner {
                    return Err(in_the_way(format!(
                        "a packet rule ({place}) treats the target's connections unlike the \
                         agent's, so the proxy would take another way than the target"
                    )));
                }
                beside.extend(redirected.map(|place| format!("before {place}")));
            }
        }
    }
    beside.sort();
    beside.dedup();
    Ok(beside)
}

fn remotes(to: &[Remote], protocol: u8, owners: Vec<Owner>) -> Vec<Flow> {
    let every = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()];
    let every = every.map(|network| Remote { network, prefix: 0, port: None });
    let to = if to.is_empty() { &every[..] } else { to };
    let flow = |remote: &Remote| Flow {
        protocol,
        network: remote.network,
        prefix: remote.prefix,
        ports: remote.port.map_or((0, u16::MAX), |port| (port, port)),
        loopback: false,
        owners: owners.clone(),
    };
    to.iter().map(flow).collect()
}

/// The rule that keeps a connection on the loopback device from arriving, if one may.
fn kept(tables: &[Table], near: &Flow) -> Option<String> {
    tables.iter().find_map(|table| {
        let out = table.follow(Hook::Output, near);
        out.redirected.or(out.taken).or_else(|| table.follow(Hook::Prerouting, near).taken)
    })
}

/// What cannot be looked at for want of a privilege is a mechanism this host does not offer.
fn refused(what: &'static str) -> impl FnOnce(io::Error) -> EffectError {
    move |error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            EffectError::Unavailable { what, why: error.to_string() }
        }
        _ => system(what)(error),
    }
}

fn in_the_way(what: String) -> EffectError {
    EffectError::InTheWay(format!(
        "{what}; take it away, or use a fault that needs no redirect (net.*, go.*)"
    ))
}

fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// Files are opened, and sockets made, with the last of four ids of each kind.
fn owner(status: &str) -> Option<Owner> {
    let text = fs::read_to_string(status).ok()?;
    let id = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_ascii_whitespace().nth(3)?.parse().ok()
    };
    Some((id("Uid:")?, id("Gid:")?))
}

fn free_ports() -> (u16, u16) {
    let text: io::Result<String> = fs::read_to_string(FREE_PORTS);
    let read = text.ok().and_then(|text| {
        let mut words = text.split_ascii_whitespace().map(|word| word.parse().ok());
        Some((words.next()??, words.next()??))
    });
    read.unwrap_or(FREE_PORTS_USUAL)
}
