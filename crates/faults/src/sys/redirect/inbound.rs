//! The kernel's side of traffic to a target: a program on its network namespace, and one lease for
//! each injection that shares it.

use super::ends::{End, octets};
use super::leases::Leases;
use crate::effect::{EffectError, LeaseEnd};
use crate::sys::bpf::{self, unavailable};
use crate::sys::netns::Netns;
use aya::Ebpf;
use aya::maps::{HashMap, Map, MapData, SockMap};
use aya::programs::cgroup_sock_addr::CgroupSockAddrLink;
use aya::programs::sk_lookup::SkLookupLink;
use aya::programs::{CgroupAttachMode, CgroupSockAddr, SkLookup};
use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

const OBJECT: &[u8] = aya::include_bytes_aligned!("inbound.bpf.o");
const PROGRAM: &str = "squall_inbound";
/// They show the target its clients.
const CLIENT_PROGRAMS: [&str; 2] = ["squall_client4", "squall_client6"];
/// Size of the C structure.
pub(super) const CLIENT_BYTES: usize = 32;
const WHAT: &str = "a socket lookup program";
/// The map of leases.
pub(super) const CONFIG: &str = "inbound_cfg";
/// The state of a listening socket in `/proc/PID/net/tcp`.
const LISTEN: &str = "0A";
/// Size of the C structure.
const LOCAL_BYTES: usize = 20;
/// Injections on one address, as in the C source; two bytes each.
const CLAIMS: usize = 8;

/// The proxy's source ports that pass the redirect, and whom each is for.
pub(super) type Clients = HashMap<MapData, [u8; 2], [u8; CLIENT_BYTES]>;

/// A loaded redirect; attached once [`Inbound::attach`] was called.
pub(super) struct Inbound {
    object: Ebpf,
    link: Option<SkLookupLink>,
    leases: Leases,
    /// The leases that want each address.
    claims: BTreeMap<SocketAddr, Vec<usize>>,
    /// What shows clients to the target of each lease.
    shown: BTreeMap<usize, Vec<CgroupSockAddrLink>>,
}

impl Inbound {
    /// Loads program and maps; nothing is redirected yet.
    pub(super) fn load() -> Result<Inbound, EffectError> {
        let mut object = bpf::fresh(WHAT, OBJECT)?;
        program(&mut object)?.load().map_err(unavailable(WHAT))?;
        let leases = Leases::of(&mut object, CONFIG, "inbound_stat")?;
        let (claims, shown) = (BTreeMap::new(), BTreeMap::new());
        Ok(Inbound { object, link: None, leases, claims, shown })
    }

    /// Shows the target of a lease its clients, where it would see the proxy.
    ///
    /// # Errors
    /// On kernels before 5.14; all else works without.
    pub(super) fn show_clients(&mut self, slot: usize, cgroup: &File) -> Result<(), EffectError> {
        let mut links = Vec::new();
        for name in CLIENT_PROGRAMS {
            let program = self.object.program_mut(name);
            let program = program.expect("invariant: the object has this program");
            let program: &mut CgroupSockAddr = program.try_into().map_err(unavailable(WHAT))?;
            if program.fd().is_err() {
                program.load().map_err(unavailable("a getpeername program"))?;
            }
            let link = program.attach(cgroup, CgroupAttachMode::Single);
            let link = link.and_then(|link| program.take_link(link));
            links.push(link.map_err(unavailable("a cgroup link"))?);
        }
        self.shown.insert(slot, links);
        Ok(())
    }

    /// Hands out the map of the proxy's ports; once.
    pub(super) fn clients(&mut self) -> Result<Clients, EffectError> {
        let map = self.object.take_map("inbound_clients").expect("invariant: taken once");
        HashMap::try_from(map).map_err(unavailable(WHAT))
    }

    /// Attaches the program to a namespace; it redirects nothing before [`Inbound::claim`].
    pub(super) fn attach(
        &mut self,
        netns: &Netns,
        listeners: &[TcpListener],
    ) -> Result<(), EffectError> {
        let mut sockets: SockMap<_> =
            self.map("inbound_socks").try_into().map_err(unavailable(WHAT))?;
        for listener in listeners {
            let v4 = listener.local_addr().is_ok_and(|address| address.is_ipv4());
            let index = if v4 { 0 } else { 1 };
            sockets.set(index, listener, 0).map_err(unavailable(WHAT))?;
        }
        let program = program(&mut self.object)?;
        let link = program.attach(netns.file()).map_err(unavailable(WHAT))?;
        self.link = Some(program.take_link(link).map_err(unavailable(WHAT))?);
        Ok(())
    }

    /// Redirects new connections to these addresses for one injection; returns its slot.
    pub(super) fn claim(
        &mut self,
        locals: &[SocketAddr],
        token: u64,
        lease: LeaseEnd,
    ) -> Result<usize, EffectError> {
        let slot = self.leases.take(token, lease)?;
        for local in locals {
            self.claims.entry(*local).or_default().push(slot);
        }
        let written = locals.iter().try_for_each(|local| self.write(*local));
        if let Err(error) = written {
            self.release(slot);
            return Err(error);
        }
        Ok(slot)
    }

    /// Moves the moment after which the program lets this injection's connections pass.
    pub(super) fn extend(&mut self, slot: usize, lease: LeaseEnd) -> Result<(), EffectError> {
        self.leases.extend(slot, lease)
    }

    /// How many connections were redirected for an injection.
    pub(super) fn redirected(&self, slot: usize) -> u64 {
        self.leases.counted(slot)
    }

    /// Lets an injection's connections go straight from now on.
    pub(super) fn release(&mut self, slot: usize) {
        // The lease ends at once, for this program and for whoever finds it before the kernel has
        // freed it; the addresses are only tidied up.
        self.leases.end(slot);
        self.shown.remove(&slot);
        let wants = |slots: &Vec<usize>| slots.contains(&slot);
        let touched = self.claims.iter().filter(|(_, slots)| wants(slots));
        let touched: Vec<SocketAddr> = touched.map(|(local, _)| *local).collect();
        for local in touched {
            if let Some(slots) = self.claims.get_mut(&local) {
                slots.retain(|other| *other != slot);
            }
            let _without_a_lease_it_does_nothing = self.write(local);
        }
        self.claims.retain(|_, slots| !slots.is_empty());
    }

    fn write(&mut self, local: SocketAddr) -> Result<(), EffectError> {
        let slots = self.claims.get(&local).cloned().unwrap_or_default();
        if slots.len() > CLAIMS {
            let text = format!("{CLAIMS} faults redirect {local} already");
            return Err(EffectError::InTheWay(text));
        }
        let mut keys: HashMap<_, [u8; LOCAL_BYTES], [u8; 2 * CLAIMS]> =
            self.map("inbound_locals").try_into().map_err(unavailable(WHAT))?;
        if slots.is_empty() {
            // One that was never written is not there to be removed.
            let _gone = keys.remove(&key(local));
            return Ok(());
        }
        let mut value = [0; 2 * CLAIMS];
        for (at, slot) in slots.into_iter().enumerate() {
            let slot = u16::try_from(slot).expect("invariant: slots are few");
            value[2 * at..2 * at + 2].copy_from_slice(&slot.to_ne_bytes());
        }
        keys.insert(key(local), value, 0).map_err(unavailable(WHAT))
    }

    fn map(&mut self, name: &str) -> &mut Map {
        self.object.map_mut(name).expect("invariant: the object has this map")
    }
}

impl Inbound {
    /// Lets all new connections go straight from now on.
    pub(super) fn detach(&mut self) {
        self.leases.end_all();
        self.shown.clear();
        self.link = None;
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        self.detach();
    }
}

/// Loads the program and attaches it to a namespace, without an address to redirect.
pub(super) fn trial(netns: &Netns) -> Result<(), EffectError> {
    Inbound::load()?.attach(netns, &[])
}

/// A listener on `[::]` usually takes IPv4 as well. It does not where another socket listens on
/// the port over IPv4; that one may be somebody else's and is left alone.
pub(super) fn dual(pid: u32, local: SocketAddr) -> Option<SocketAddr> {
    if local.ip() != IpAddr::from(Ipv6Addr::UNSPECIFIED) {
        return None;
    }
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    let taken = table.lines().skip(1).any(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let port = words.next().and_then(|local| local.split_once(':'));
        let port = port.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        port == Some(local.port()) && words.nth(1) == Some(LISTEN)
    });
    (!taken).then(|| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), local.port()))
}

fn program(object: &mut Ebpf) -> Result<&mut SkLookup, EffectError> {
    let program = object.program_mut(PROGRAM).expect("invariant: the object has this program");
    program.try_into().map_err(unavailable(WHAT))
}

/// `struct client`.
pub(super) fn client(netns_cookie: u64, address: SocketAddr) -> [u8; CLIENT_BYTES] {
    let mut bytes = [0; CLIENT_BYTES];
    bytes[..8].copy_from_slice(&netns_cookie.to_ne_bytes());
    bytes[8..].copy_from_slice(&End { address, whose: 0 }.bytes());
    bytes
}

/// `struct local`.
fn key(local: SocketAddr) -> [u8; LOCAL_BYTES] {
    let mut bytes = [0; LOCAL_BYTES];
    let (octets, family) = octets(local.ip());
    bytes[..16].copy_from_slice(&octets);
    bytes[16..18].copy_from_slice(&local.port().to_ne_bytes());
    bytes[18..].copy_from_slice(&u16::from(family).to_ne_bytes());
    bytes
}
