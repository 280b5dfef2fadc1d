//! The kernel's side: a program on the namespace, the maps of one injection, and their end.

use crate::effect::{EffectError, LeaseEnd};
use crate::sys::bpf::{self, unavailable};
use crate::sys::netns::Netns;
use aya::Ebpf;
use aya::maps::{Array, HashMap, Map, MapData, SockMap};
use aya::programs::SkLookup;
use aya::programs::sk_lookup::SkLookupLink;
use std::net::{IpAddr, SocketAddr, TcpListener};

const OBJECT: &[u8] = aya::include_bytes_aligned!("redirect.bpf.o");
const PROGRAM: &str = "squall_delay";
const CONFIG: &str = "delay_cfg";
const WHAT: &str = "a socket lookup program";
/// Sizes of the C structures.
const CONFIG_BYTES: usize = 16;
const LOCAL_BYTES: usize = 20;

/// The proxy's source ports that pass the redirect.
pub(super) type Exempt = HashMap<MapData, [u8; 2], u8>;

/// A loaded redirect; attached once [`Redirect::attach`] was called.
pub(super) struct Redirect {
    token: u64,
    object: Ebpf,
    link: Option<SkLookupLink>,
}

impl Redirect {
    /// Loads program and maps; nothing is redirected yet.
    pub(super) fn load(token: u64) -> Result<Redirect, EffectError> {
        let mut object = bpf::fresh(WHAT, OBJECT)?;
        program(&mut object)?.load().map_err(unavailable(WHAT))?;
        Ok(Redirect { token, object, link: None })
    }

    /// Hands out the map of exempt ports; once.
    pub(super) fn exempt(&mut self) -> Result<Exempt, EffectError> {
        let map = self.object.take_map("delay_exempt").expect("invariant: taken once");
        HashMap::try_from(map).map_err(unavailable(WHAT))
    }

    /// Redirects new connections to these addresses.
    pub(super) fn attach(
        &mut self,
        netns: &Netns,
        listeners: &[TcpListener],
        locals: &[SocketAddr],
        lease: LeaseEnd,
    ) -> Result<(), EffectError> {
        let mut sockets: SockMap<_> =
            self.map("delay_socks").try_into().map_err(unavailable(WHAT))?;
        for listener in listeners {
            let v4 = listener.local_addr().is_ok_and(|address| address.is_ipv4());
            let index = if v4 { 0 } else { 1 };
            sockets.set(index, listener, 0).map_err(unavailable(WHAT))?;
        }
        let mut keys: HashMap<_, [u8; LOCAL_BYTES], u8> =
            self.map("delay_locals").try_into().map_err(unavailable(WHAT))?;
        for local in locals {
            keys.insert(key(*local), 1, 0).map_err(unavailable(WHAT))?;
        }
        self.extend(lease)?;
        let program = program(&mut self.object)?;
        let link = program.attach(netns.file()).map_err(unavailable(WHAT))?;
        self.link = Some(program.take_link(link).map_err(unavailable(WHAT))?);
        Ok(())
    }

    /// Moves the moment after which the program lets everything pass.
    pub(super) fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        let config = config(lease.boottime_ns, self.token);
        let mut map: Array<_, [u8; CONFIG_BYTES]> =
            self.map(CONFIG).try_into().map_err(unavailable(WHAT))?;
        map.set(0, config, 0).map_err(unavailable(WHAT))
    }

    /// How many connections were redirected.
    pub(super) fn redirected(&mut self) -> u64 {
        let map: Result<Array<_, u64>, _> = self.map("delay_stat").try_into();
        map.ok().and_then(|map| map.get(&0, 0).ok()).unwrap_or(0)
    }

    fn map(&mut self, name: &str) -> &mut Map {
        self.object.map_mut(name).expect("invariant: the object has this map")
    }
}

impl Redirect {
    /// Lets new connections go straight from now on.
    pub(super) fn detach(&mut self) {
        // The end in the map acts at once, and marks the map as over for whoever finds it before
        // the kernel has freed it. The link follows.
        let over = LeaseEnd { boottime_ns: 0, monotonic_ns: 0 };
        let _link_follows = self.extend(over);
        self.link = None;
    }
}

impl Drop for Redirect {
    fn drop(&mut self) {
        self.detach();
    }
}

/// Loads the program and attaches it to a namespace, without an address to redirect.
pub(crate) fn trial(netns: &Netns) -> Result<(), EffectError> {
    let over = LeaseEnd { boottime_ns: 0, monotonic_ns: 0 };
    Redirect::load(0)?.attach(netns, &[], &[], over)
}

/// Ends a redirect that some process still holds. Returns how many there were.
pub(super) fn end(token: u64) -> Result<usize, EffectError> {
    let mut ended = 0;
    for mut map in bpf::arrays_named::<CONFIG_BYTES>(CONFIG)? {
        if map.get(&0, 0).is_ok_and(|config| acts(&config, token)) {
            map.set(0, config(0, token), 0).map_err(unavailable(WHAT))?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// How many redirects of this injection still act.
pub(super) fn acting(token: u64) -> Result<usize, EffectError> {
    let maps = bpf::arrays_named::<CONFIG_BYTES>(CONFIG)?;
    let acts = |map: &&Array<MapData, _>| map.get(&0, 0).is_ok_and(|found| acts(&found, token));
    Ok(maps.iter().filter(acts).count())
}

fn acts(found: &[u8; CONFIG_BYTES], token: u64) -> bool {
    found[..8] != [0; 8] && found[8..] == token.to_ne_bytes()
}

fn program(object: &mut Ebpf) -> Result<&mut SkLookup, EffectError> {
    let program = object.program_mut(PROGRAM).expect("invariant: the object has this program");
    program.try_into().map_err(unavailable(WHAT))
}

fn config(expires_ns: u64, token: u64) -> [u8; CONFIG_BYTES] {
    let mut bytes = [0; CONFIG_BYTES];
    bytes[..8].copy_from_slice(&expires_ns.to_ne_bytes());
    bytes[8..].copy_from_slice(&token.to_ne_bytes());
    bytes
}

/// `struct delay_local`.
fn key(local: SocketAddr) -> [u8; LOCAL_BYTES] {
    let mut bytes = [0; LOCAL_BYTES];
    let family: u16 = match local.ip().to_canonical() {
        IpAddr::V4(v4) => {
            bytes[..4].copy_from_slice(&v4.octets());
            4
        }
        IpAddr::V6(v6) => {
            bytes[..16].copy_from_slice(&v6.octets());
            6
        }
    };
    bytes[16..18].copy_from_slice(&local.port().to_ne_bytes());
    bytes[18..].copy_from_slice(&family.to_ne_bytes());
    bytes
}
