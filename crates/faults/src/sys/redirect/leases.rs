//! The leases in a redirect's map: each injection has one, with an end that the kernel's program
//! reads, and a token by which any process finds and ends it.

use crate::effect::{EffectError, LeaseEnd};
use crate::sys::bpf::{self, unavailable};
use aya::Ebpf;
use aya::maps::{Array, MapData};
use std::collections::BTreeMap;

/// Injections that can share one redirect, as in the C source.
const LEASES: usize = 1024;
/// `struct lease`.
const LEASE_BYTES: usize = 16;
const WHAT: &str = "a BPF map";

/// The leases of one loaded object.
pub(super) struct Leases {
    map: Array<MapData, [u8; LEASE_BYTES]>,
    counts: Array<MapData, u64>,
    /// The token in each slot that is taken. The first slot stays free: zero means none.
    taken: BTreeMap<usize, u64>,
}

impl Leases {
    /// Takes the maps out of an object.
    pub(super) fn of(object: &mut Ebpf, map: &str, counts: &str) -> Result<Leases, EffectError> {
        let mut take = |name| object.take_map(name).expect("invariant: the object has this map");
        let (map, counts) = (take(map), take(counts));
        Ok(Leases {
            map: map.try_into().map_err(unavailable(WHAT))?,
            counts: counts.try_into().map_err(unavailable(WHAT))?,
            taken: BTreeMap::new(),
        })
    }

    /// Puts a lease into a free slot.
    pub(super) fn take(&mut self, token: u64, lease: LeaseEnd) -> Result<usize, EffectError> {
        let slot = (1..LEASES).find(|slot| !self.taken.contains_key(slot)).ok_or_else(|| {
            EffectError::InTheWay(format!("{LEASES} faults share this redirect already"))
        })?;
        self.counts.set(at(slot), 0, 0).map_err(unavailable(WHAT))?;
        self.taken.insert(slot, token);
        let written = self.extend(slot, lease);
        if let Err(error) = written {
            self.taken.remove(&slot);
            return Err(error);
        }
        Ok(slot)
    }

    /// Moves the end of a lease.
    pub(super) fn extend(&mut self, slot: usize, lease: LeaseEnd) -> Result<(), EffectError> {
        let token = *self.taken.get(&slot).expect("invariant: only a taken slot is extended");
        let bytes = bytes(lease.boottime_ns, token);
        self.map.set(at(slot), bytes, 0).map_err(unavailable(WHAT))
    }

    /// How many connections the program redirected for a lease.
    pub(super) fn counted(&self, slot: usize) -> u64 {
        self.counts.get(&at(slot), 0).unwrap_or(0)
    }

    /// Ends a lease and frees its slot.
    pub(super) fn end(&mut self, slot: usize) {
        self.taken.remove(&slot);
        let _the_object_ends_it_too = self.map.set(at(slot), bytes(0, 0), 0);
    }

    /// Ends all of them.
    pub(super) fn end_all(&mut self) {
        let taken: Vec<usize> = self.taken.keys().copied().collect();
        taken.into_iter().for_each(|slot| self.end(slot));
    }
}

/// Ends the leases with a token in all redirects of the host, whoever holds them.
pub(super) fn end(map: &str, token: u64) -> Result<usize, EffectError> {
    let mut ended = 0;
    for mut map in bpf::arrays_named::<LEASE_BYTES>(map)? {
        for slot in slots_of(&map, token) {
            map.set(slot, bytes(0, token), 0).map_err(unavailable(WHAT))?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// How many leases with a token still act.
pub(super) fn acting(map: &str, token: u64) -> Result<usize, EffectError> {
    let maps = bpf::arrays_named::<LEASE_BYTES>(map)?;
    Ok(maps.iter().map(|map| slots_of(map, token).len()).sum())
}

fn slots_of(map: &Array<MapData, [u8; LEASE_BYTES]>, token: u64) -> Vec<u32> {
    let acts = |found: [u8; LEASE_BYTES]| found[..8] != [0; 8] && found[8..] == token.to_ne_bytes();
    (0..map.len()).filter(|slot| map.get(slot, 0).is_ok_and(acts)).collect()
}

/// The key of a slot.
pub(super) fn at(slot: usize) -> u32 {
    u32::try_from(slot).expect("invariant: slots are few")
}

fn bytes(expires_ns: u64, token: u64) -> [u8; LEASE_BYTES] {
    let mut bytes = [0; LEASE_BYTES];
    bytes[..8].copy_from_slice(&expires_ns.to_ne_bytes());
    bytes[8..].copy_from_slice(&token.to_ne_bytes());
    bytes
}

/// The end and the owner of every lease in maps of that name, where a redirect has one.
pub(super) fn heads(map: &str) -> Result<Vec<(u64, u64)>, EffectError> {
    bpf::heads::<LEASE_BYTES>(map, |lease| lease[8..] != [0; 8])
}
