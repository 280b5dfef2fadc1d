//! One injection's own copy of a BPF object: its programs, their links, its rule, its counters.
//!
//! The copy is attached with a rule that is over, and armed by one write to its map. The write
//! that ends it is as small, so that a revert from the receipt alone needs no link.

use crate::effect::{EffectError, LeaseEnd};
use crate::sys::bpf::{self, unavailable};
use crate::sys::netns::Netns;
use crate::sys::rule::{END_BYTES, RULE_BYTES, Rule, TALLY_BYTES, Tally, end_bytes};
use crate::sys::spares;
use aya::Ebpf;
use aya::maps::{Array, HashMap, Map, MapData};
use aya::programs::links::LinkOrder;
use aya::programs::tc::{TcAttachOptions, TcAttachType};
use aya::programs::{
    CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSockAddr, Program, SchedClassifier,
    SkLookup, SockOps,
};
use std::any::Any;
use std::collections::BTreeSet;
use std::fs::File;
use std::sync::{Mutex, PoisonError};

/// An object of the catalog.
#[derive(Debug)]
pub(crate) struct Object {
    /// What it is, for messages.
    pub(crate) what: &'static str,
    /// What its maps are called: `NAME_cfg`, `NAME_stat` and `NAME_ends`.
    pub(crate) name: &'static str,
    /// The compiled object.
    pub(crate) bytes: &'static [u8],
}

/// A loaded copy. Dropping it ends the effect and detaches.
pub(crate) struct Armed {
    about: &'static Object,
    object: Ebpf,
    rule: Rule,
    links: Vec<Box<dyn Any + Send>>,
}

impl Armed {
    /// Takes a copy that nobody else has; nothing is attached yet and nothing acts.
    pub(crate) fn load(about: &'static Object) -> Result<Armed, EffectError> {
        let object = spares::take(about)?;
        Ok(Armed { about, object, rule: Rule::default(), links: Vec::new() })
    }

    /// Attaches a program to the packets of a cgroup.
    pub(crate) fn on_cgroup(
        &mut self,
        name: &str,
        cgroup: &File,
        side: CgroupSkbAttachType,
    ) -> Result<(), EffectError> {
        let what = self.about.what;
        let program: &mut CgroupSkb = self.program(name)?.try_into().map_err(unavailable(what))?;
        let link = program.attach(cgroup, side, CgroupAttachMode::Single);
        let link = link.and_then(|link| program.take_link(link)).map_err(unavailable(what))?;
        self.links.push(Box::new(link));
        Ok(())
    }

    /// Attaches a program to the socket calls of a cgroup.
    pub(crate) fn on_calls(&mut self, name: &str, cgroup: &File) -> Result<(), EffectError> {
        let what = self.about.what;
        let program: &mut CgroupSockAddr =
            self.program(name)?.try_into().map_err(unavailable(what))?;
        let link = program.attach(cgroup, CgroupAttachMode::Single);
        let link = link.and_then(|link| program.take_link(link)).map_err(unavailable(what))?;
        self.links.push(Box::new(link));
        Ok(())
    }

    /// Attaches a program to the life of a cgroup's sockets.
    pub(crate) fn on_lives(&mut self, name: &str, cgroup: &File) -> Result<(), EffectError> {
        let what = self.about.what;
        let program: &mut SockOps = self.program(name)?.try_into().map_err(unavailable(what))?;
        let link = program.attach(cgroup, CgroupAttachMode::Single);
        let link = link.and_then(|link| program.take_link(link)).map_err(unavailable(what))?;
        self.links.push(Box::new(link));
        Ok(())
    }

    /// Attaches a program to the search for listeners of a namespace.
    pub(crate) fn on_lookups(&mut self, name: &str, netns: &Netns) -> Result<(), EffectError> {
        let what = self.about.what;
        let program: &mut SkLookup = self.program(name)?.try_into().map_err(unavailable(what))?;
        let link = program.attach(netns.file()).and_then(|link| program.take_link(link));
        self.links.push(Box::new(link.map_err(unavailable(what))?));
        Ok(())
    }

    /// Attaches a program to devices of the calling thread's network namespace, behind what
    /// others attached.
    pub(crate) fn on_devices(
        &mut self,
        name: &str,
        devices: &[String],
        side: TcAttachType,
    ) -> Result<(), EffectError> {
        let what = self.about.what;
        let program: &mut SchedClassifier =
            self.program(name)?.try_into().map_err(unavailable(what))?;
        let mut links: Vec<Box<dyn Any + Send>> = Vec::new();
        for device in devices {
            let options = TcAttachOptions::TcxOrder(LinkOrder::last());
            let link = program.attach_with_options(device, side, options);
            let link = link.and_then(|link| program.take_link(link)).map_err(unavailable(what))?;
            links.push(Box::new(link));
        }
        self.links.extend(links);
        Ok(())
    }

    /// Makes the programs act, until the rule's end.
    pub(crate) fn arm(&mut self, rule: Rule) -> Result<(), EffectError> {
        self.rule = rule;
        // The rule says how many there are, so they come before it.
        if !self.rule.ends.is_empty() {
            let what = self.about.what;
            let keys: Vec<_> = self.rule.ends.iter().map(|end| end_bytes(*end)).collect();
            let mut ends = self.hash::<END_BYTES, 4>(&format!("{}_ends", self.about.name))?;
            let mut put = |key: &[u8; END_BYTES]| ends.insert(key, [1; 4], 0);
            keys.iter().try_for_each(&mut put).map_err(unavailable(what))?;
        }
        self.write()
    }

    /// Moves the end.
    pub(crate) fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.rule.expires_ns = lease.boottime_ns;
        self.write()
    }

    /// Ends the effect; the programs stay attached and let everything pass.
    pub(crate) fn end(&mut self) -> Result<(), EffectError> {
        self.extend(LeaseEnd::NEVER)
    }

    /// What was seen, what matched, what was hit.
    pub(crate) fn tally(&mut self) -> Result<Tally, EffectError> {
        let (what, name) = (self.about.what, format!("{}_stat", self.about.name));
        let map: Array<_, [u8; TALLY_BYTES]> =
            self.map(&name).try_into().map_err(unavailable(what))?;
        Ok(Tally::read(&map.get(&0, 0).map_err(unavailable(what))?))
    }

    /// A hash map of the object.
    pub(crate) fn hash<const K: usize, const V: usize>(
        &mut self,
        name: &str,
    ) -> Result<HashMap<&mut MapData, [u8; K], [u8; V]>, EffectError> {
        let what = self.about.what;
        self.map(name).try_into().map_err(unavailable(what))
    }

    /// Another handle on an array of the object, for a thread.
    pub(crate) fn array<const V: usize>(
        &mut self,
        name: &str,
    ) -> Result<Array<MapData, [u8; V]>, EffectError> {
        let what = self.about.what;
        let Map::Array(data) = self.map(name) else { panic!("invariant: {name} is an array") };
        let id = data.info().map_err(unavailable(what))?.id();
        let data = MapData::from_id(id).and_then(Map::from_map_data);
        Array::try_from(data.map_err(unavailable(what))?).map_err(unavailable(what))
    }

    /// The counters, for a thread that reads them.
    pub(crate) fn counters(&mut self) -> Result<Counters, EffectError> {
        Ok(Counters(self.array(&format!("{}_stat", self.about.name))?))
    }

    fn write(&mut self) -> Result<(), EffectError> {
        let (what, name) = (self.about.what, config(self.about.name));
        let bytes = self.rule.bytes()?;
        let mut map: Array<_, [u8; RULE_BYTES]> =
            self.map(&name).try_into().map_err(unavailable(what))?;
        map.set(0, bytes, 0).map_err(unavailable(what))
    }

    /// A program that the kernel has verified.
    fn program(&mut self, name: &str) -> Result<&mut Program, EffectError> {
        let found = self.object.program_mut(name);
        let program =
            found.unwrap_or_else(|| panic!("invariant: the object has the program {name}"));
        spares::verified(program).map_err(unavailable(self.about.what))?;
        Ok(program)
    }

    fn map(&mut self, name: &str) -> &mut Map {
        let found = self.object.map_mut(name);
        found.unwrap_or_else(|| panic!("invariant: the object has the map {name}"))
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        // The rule first: it ends the effect on every hook at once, and says so to whoever finds
        // the map before the kernel has freed it. Should that fail, the links end it.
        let _links_follow = self.end();
        self.links.clear();
        spares::want(self.about);
    }
}

/// Counters that outlive nothing but are read elsewhere.
pub(crate) struct Counters(Array<MapData, [u8; TALLY_BYTES]>);

impl Counters {
    pub(crate) fn read(&self) -> Option<Tally> {
        Some(Tally::read(&self.0.get(&0, 0).ok()?))
    }
}

/// Makes sure, once a process, that an object loads and that its maps can be found again: what
/// could not be shown to be gone afterwards is not begun.
pub(crate) fn tried(about: &'static Object) -> Result<(), EffectError> {
    static TRIED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let known = || TRIED.lock().unwrap_or_else(PoisonError::into_inner);
    if !known().contains(about.name) {
        let mut spare = spares::take(about)?;
        spares::complete(&mut spare);
        acting(about, 0)?;
        spares::put(about, spare);
        known().insert(about.name);
    }
    Ok(())
}

/// Ends an injection's effect, whichever process still holds it.
pub(crate) fn end(about: &Object, token: u64) -> Result<(), EffectError> {
    for mut map in bpf::arrays_named::<RULE_BYTES>(&config(about.name))? {
        let Ok(mut rule) = map.get(&0, 0) else { continue };
        if acts(&rule, token) {
            rule[..8].fill(0);
            map.set(0, rule, 0).map_err(unavailable(about.what))?;
        }
    }
    Ok(())
}

/// How many copies of an injection's rule still act.
pub(crate) fn acting(about: &Object, token: u64) -> Result<usize, EffectError> {
    let maps = bpf::arrays_named::<RULE_BYTES>(&config(about.name))?;
    Ok(maps.iter().filter(|map| map.get(&0, 0).is_ok_and(|rule| acts(&rule, token))).count())
}

/// True for a rule that was written at all.
pub(crate) fn is_rule(rule: &[u8; RULE_BYTES]) -> bool {
    rule[8..16] != [0; 8]
}

fn acts(rule: &[u8; RULE_BYTES], token: u64) -> bool {
    rule[..8] != [0; 8] && rule[8..16] == token.to_ne_bytes()
}

fn config(name: &str) -> String {
    format!("{name}_cfg")
}
