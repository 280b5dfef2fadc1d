//! The kernel's side of what targets send out: programs on their cgroups, shared by the injections
//! of one network namespace, and the destinations each of those wants.

use super::doors::{self, DOORS};
use super::ends::{End, Range};
use super::leases::{self, Leases};
use crate::effect::{EffectError, LeaseEnd};
use crate::sys::bpf::{self, unavailable};
use crate::sys::scope::Scope;
use aya::Ebpf;
use aya::maps::{Array, HashMap, Map, MapData};
use aya::programs::cgroup_sock_addr::CgroupSockAddrLink;
use aya::programs::sock_ops::SockOpsLink;
use aya::programs::{CgroupAttachMode, CgroupSockAddr, SockOps};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

const OBJECT: &[u8] = aya::include_bytes_aligned!("outbound.bpf.o");
const WHAT: &str = "a cgroup address program";
/// The map of leases.
pub(super) const CONFIG: &str = "outbound_cfg";
/// In the order they are attached: answers are put right before questions are led away.
const ADDRESS_PROGRAMS: [&str; 8] = [
    "squall_name4",
    "squall_name6",
    "squall_recv4",
    "squall_recv6",
    "squall_send4",
    "squall_send6",
    "squall_lead4",
    "squall_lead6",
];
const SOURCE_PROGRAM: &str = "squall_source";
/// Destinations that injections want of one target, as in the C source; two bytes each.
const CLAIMS: usize = 16;
/// `struct origin`.
const ORIGIN_BYTES: usize = 4 + 2 * CLAIMS + 4;
/// `struct origin_key`.
const KEY_BYTES: usize = 16;

/// What a socket at a source had asked for.
pub(super) type From = HashMap<MapData, [u8; End::BYTES], [u8; End::BYTES]>;
/// What the doors stand for.
pub(super) type Dests = Array<MapData, [u8; End::BYTES]>;

/// Loaded programs, and whom they are attached to.
pub(super) struct Outbound {
    object: Ebpf,
    leases: Leases,
    origins: BTreeMap<Scope, Joined>,
    last: u32,
    dests: Arc<Dests>,
    from: Option<From>,
    doors: doors::Taken,
}

/// One target with its injections.
struct Joined {
    number: u32,
    slots: Vec<usize>,
    links: Vec<Box<dyn Send>>,
}

/// What one injection holds.
pub(super) struct Claim {
    origin: Scope,
    slots: Vec<usize>,
    /// The target's number in [`squall_proxy::Way::Outbound`].
    pub(super) number: u32,
    /// The place of its first door.
    pub(super) first: Option<u32>,
}

impl Outbound {
    /// Loads programs and maps and tells them where the proxy listens.
    pub(super) fn load(proxy: [u16; 2]) -> Result<Outbound, EffectError> {
        let mut object = bpf::fresh(WHAT, OBJECT)?;
        for name in ADDRESS_PROGRAMS {
            address_program(&mut object, name)?.load().map_err(unavailable(WHAT))?;
        }
        source_program(&mut object)?.load().map_err(unavailable("a sockops program"))?;
        let leases = Leases::of(&mut object, CONFIG, "outbound_stat")?;
        let mut take = |name| object.take_map(name).expect("invariant: the object has this map");
        let (dests, from) = (take("outbound_dests"), take("outbound_from"));
        let dests = Arc::new(dests.try_into().map_err(unavailable(WHAT))?);
        let from = Some(from.try_into().map_err(unavailable(WHAT))?);
        let doors = doors::Taken::default();
        let origins = BTreeMap::new();
        let mut outbound = Outbound { object, leases, origins, last: 0, dests, from, doors };
        let ports = doors::ports(proxy, [0; 2]);
        let mut map: Array<_, [u8; 16]> = outbound.map("outbound_proxy")?;
        map.set(0, ports, 0).map_err(unavailable(WHAT))?;
        Ok(outbound)
    }

    /// Hands out the map of sources; once.
    pub(super) fn from(&mut self) -> Option<From> {
        self.from.take()
    }

    /// What the doors stand for.
    pub(super) fn dests(&self) -> Arc<Dests> {
        Arc::clone(&self.dests)
    }

    /// Leads what a target sends to these destinations to the proxy, for one injection; with
    /// `doors`, to a door for each destination (the ports of TCP and UDP over IPv4, then IPv6).
    pub(super) fn claim(
        &mut self,
        origin: &Scope,
        ranges: &[Range],
        doors: &[[[u16; 2]; 2]],
        token: u64,
        lease: LeaseEnd,
    ) -> Result<Claim, EffectError> {
        let number = self.join(origin)?;
        let mut claim = Claim { origin: origin.clone(), slots: Vec::new(), number, first: None };
        match self.fill(&mut claim, ranges, doors, token, lease) {
            Ok(()) => Ok(claim),
            Err(error) => {
                self.release(&claim);
                Err(error)
            }
        }
    }

    fn fill(
        &mut self,
        claim: &mut Claim,
        ranges: &[Range],
        doors: &[[[u16; 2]; 2]],
        token: u64,
        lease: LeaseEnd,
    ) -> Result<(), EffectError> {
        if !doors.is_empty() {
            claim.first = Some(self.doors.take()?);
            self.open(claim.first, doors)?;
        }
        for range in ranges {
            let slot = self.leases.take(token, lease)?;
            claim.slots.push(slot);
            let bytes = range.bytes(claim.first.unwrap_or(0));
            let mut map: Array<_, [u8; Range::BYTES]> = self.map("outbound_ranges")?;
            map.set(leases::at(slot), bytes, 0).map_err(unavailable(WHAT))?;
        }
        let joined = self.origins.get_mut(&claim.origin).expect("invariant: it was just joined");
        joined.slots.extend(&claim.slots);
        self.write(&claim.origin)
    }

    /// Moves the moment after which the programs let this injection's traffic go.
    pub(super) fn extend(&mut self, claim: &Claim, lease: LeaseEnd) -> Result<(), EffectError> {
        claim.slots.iter().try_for_each(|slot| self.leases.extend(*slot, lease))
    }

    /// How often something was redirected for an injection.
    pub(super) fn redirected(&self, claim: &Claim) -> u64 {
        claim.slots.iter().map(|slot| self.leases.counted(*slot)).sum()
    }

    /// Lets an injection's traffic go from now on.
    pub(super) fn release(&mut self, claim: &Claim) {
        claim.slots.iter().for_each(|slot| self.leases.end(*slot));
        if let Some(joined) = self.origins.get_mut(&claim.origin) {
            joined.slots.retain(|slot| !claim.slots.contains(slot));
            let over = joined.slots.is_empty();
            let _without_leases_it_does_nothing = self.write(&claim.origin);
            if over {
                // The links go with it.
                self.origins.remove(&claim.origin);
            }
        }
        if let Some(first) = claim.first {
            let _what_stays_is_not_reached = self.shut(first);
            self.doors.free(first);
        }
    }

    /// Lets everything go from now on.
    pub(super) fn detach(&mut self) {
        self.leases.end_all();
        self.origins.clear();
    }

    /// Attaches the programs to the target's cgroup unless they are.
    fn join(&mut self, origin: &Scope) -> Result<u32, EffectError> {
        if let Some(joined) = self.origins.get(origin) {
            return Ok(joined.number);
        }
        let links = attach(&mut self.object, &origin.open()?)?;
        self.last += 1;
        let joined = Joined { number: self.last, slots: Vec::new(), links };
        self.origins.insert(origin.clone(), joined);
        Ok(self.last)
    }

    /// Attaches the programs anew where they are on this cgroup: those attached last are asked last.
    pub(super) fn go_last(&mut self, cgroup: &Path) -> Result<(), EffectError> {
        for (origin, joined) in &mut self.origins {
            if origin.folder() == Some(cgroup) {
                // The old ones go when the new ones are there.
                joined.links = attach(&mut self.object, &origin.open()?)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, origin: &Scope) -> Result<(), EffectError> {
        let joined = self.origins.get(origin).expect("invariant: only a joined origin is written");
        let (number, slots) = (joined.number, joined.slots.clone());
        if slots.len() > CLAIMS {
            let text = format!("{CLAIMS} destinations of {} at most", origin.shown());
            return Err(EffectError::InTheWay(text));
        }
        let mut map: HashMap<_, [u8; KEY_BYTES], [u8; ORIGIN_BYTES]> =
            self.map("outbound_origins")?;
        if slots.is_empty() {
            // One that was never written is not there to be removed.
            let _gone = map.remove(&key(origin));
            return Ok(());
        }
        let mut value = [0; ORIGIN_BYTES];
        value[..4].copy_from_slice(&number.to_ne_bytes());
        for (at, slot) in slots.into_iter().enumerate() {
            let slot = u16::try_from(slot).expect("invariant: slots are few");
            value[4 + 2 * at..6 + 2 * at].copy_from_slice(&slot.to_ne_bytes());
        }
        map.insert(key(origin), value, 0).map_err(unavailable(WHAT))
    }

    /// Tells the programs the ports of doors.
    fn open(&mut self, first: Option<u32>, doors: &[[[u16; 2]; 2]]) -> Result<(), EffectError> {
        let first = first.expect("invariant: doors have a first place");
        let places = first..first + DOORS;
        for (place, [tcp, udp]) in places.zip(doors) {
            let mut map: Array<_, [u8; 16]> = self.map("outbound_doors")?;
            map.set(place, doors::ports(*tcp, *udp), 0).map_err(unavailable(WHAT))?;
            let mut back: HashMap<_, u32, u32> = self.map("outbound_back")?;
            for port in udp.iter().filter(|port| **port != 0) {
                back.insert(u32::from(port.to_be()), place, 0).map_err(unavailable(WHAT))?;
            }
        }
        Ok(())
    }

    /// Forgets doors and what they stood for.
    fn shut(&mut self, first: u32) -> Result<(), EffectError> {
        for place in first..first + DOORS {
            let mut map: Array<_, [u8; 16]> = self.map("outbound_doors")?;
            map.set(place, [0; 16], 0).map_err(unavailable(WHAT))?;
        }
        let places = first..first + DOORS;
        let mut back: HashMap<_, u32, u32> = self.map("outbound_back")?;
        let ours = |(_, place): &(u32, u32)| places.contains(place);
        let ports: Vec<u32> = back.iter().flatten().filter(ours).map(|(port, _)| port).collect();
        ports.iter().try_for_each(|port| back.remove(port)).map_err(unavailable(WHAT))?;
        let mut map: HashMap<_, [u8; End::BYTES], u32> = self.map("outbound_places")?;
        let ends = map.iter().flatten().filter(|(_, place)| places.contains(place));
        let ends: Vec<_> = ends.map(|(end, _)| end).collect();
        ends.iter().try_for_each(|end| map.remove(end)).map_err(unavailable(WHAT))?;
        let mut taken: Array<_, u32> = self.map("outbound_taken")?;
        taken.set(first, 0, 0).map_err(unavailable(WHAT))
    }

    fn map<'a, M>(&'a mut self, name: &str) -> Result<M, EffectError>
    where
        M: TryFrom<&'a mut Map, Error = aya::maps::MapError>,
    {
        let map = self.object.map_mut(name).expect("invariant: the object has this map");
        M::try_from(map).map_err(unavailable(WHAT))
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.detach();
    }
}

/// Loads the programs and attaches them to a cgroup, for nobody.
pub(super) fn trial(cgroup: &File) -> Result<(), EffectError> {
    let mut outbound = Outbound::load([0; 2])?;
    attach(&mut outbound.object, cgroup).map(drop)
}

/// A target as the programs on its cgroup know it: `struct origin_key`.
fn key(origin: &Scope) -> [u8; KEY_BYTES] {
    let (kind, id) = match origin {
        Scope::Process { pid, .. } => (1u32, u64::from(*pid)),
        Scope::Cgroup { id, .. } | Scope::Namespace { netns: id } => (2, *id),
    };
    let mut key = [0; KEY_BYTES];
    key[..4].copy_from_slice(&kind.to_ne_bytes());
    key[8..].copy_from_slice(&id.to_ne_bytes());
    key
}

fn attach(object: &mut Ebpf, folder: &File) -> Result<Vec<Box<dyn Send>>, EffectError> {
    let mut links: Vec<Box<dyn Send>> = Vec::new();
    let program = source_program(object)?;
    let link = program.attach(folder, CgroupAttachMode::Single);
    let link: SockOpsLink =
        link.and_then(|link| program.take_link(link)).map_err(unavailable("a cgroup link"))?;
    links.push(Box::new(link));
    for name in ADDRESS_PROGRAMS {
        let program = address_program(object, name)?;
        let link = program.attach(folder, CgroupAttachMode::Single);
        let link: CgroupSockAddrLink =
            link.and_then(|link| program.take_link(link)).map_err(unavailable("a cgroup link"))?;
        links.push(Box::new(link));
    }
    // What leads away goes first when they are dropped.
    links.reverse();
    Ok(links)
}

fn address_program<'a>(
    object: &'a mut Ebpf,
    name: &str,
) -> Result<&'a mut CgroupSockAddr, EffectError> {
    let program = object.program_mut(name).expect("invariant: the object has this program");
    program.try_into().map_err(unavailable(WHAT))
}

fn source_program(object: &mut Ebpf) -> Result<&mut SockOps, EffectError> {
    let program = object.program_mut(SOURCE_PROGRAM);
    let program = program.expect("invariant: the object has this program");
    program.try_into().map_err(unavailable("a sockops program"))
}
