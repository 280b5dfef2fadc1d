//! A BPF program on the target's cgroup, armed by one entry in its map.

use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::bpf::{self, Loaded, Object, unavailable};
use crate::sys::cgroup;
use crate::sys::process::{self, Handle, system};
use crate::values::Checked;
use crate::values::parse::cidr;
use aya::maps::MapError;
use aya::programs::cgroup_sock_addr::CgroupSockAddrLink;
use aya::programs::{CgroupAttachMode, CgroupSockAddr};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::collections::BTreeSet;
use std::fs::File;
use std::net::IpAddr;
use std::path::PathBuf;

/// The effect.
pub static EFFECT: &dyn Effect = &Refuse;

/// The programs, in the kernel once the first injection wanted them.
pub(crate) static OBJECT: Object =
    Object::new("a cgroup connect program", aya::include_bytes_aligned!("effect.bpf.o"));

const PROGRAMS: [&str; 2] = ["squall_refuse4", "squall_refuse6"];
const RULES: &str = "refuse_cfg";
const STATS: &str = "refuse_stat";

/// Sizes of the C structures; the kernel refuses a map of another shape.
const KEY_BYTES: usize = 16;
const RULE_BYTES: usize = 64;
const STAT_BYTES: usize = 24;

struct Refuse;

/// Whom the rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Scope {
    /// One process, because others live in its cgroup.
    Process(u32),
    /// A whole cgroup, by the kernel's number.
    Cgroup(u64),
}

/// What undoes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    /// The folder of the cgroup the programs are attached to.
    cgroup: PathBuf,
    /// Its path, for people.
    path: String,
    /// The key of the rule.
    scope: Scope,
    /// Tells this rule from a later one with the same key.
    token: u64,
}

struct Held {
    undo: Undo,
    rule: [u8; RULE_BYTES],
    links: Vec<CgroupSockAddrLink>,
}

impl Effect for Refuse {
    fn prepare(&self, injection: &Injection, _values: &Checked) -> Result<Value, EffectError> {
        let target = injection.target.process;
        Handle::open(target)?;
        process::refuse_own(target)?;
        let group = cgroup::v2_group(target.pid)?;
        let scope = if is_alone(target.pid, &group)? {
            let id = cgroup::id(&group.folder).map_err(system("read the target's cgroup"))?;
            Scope::Cgroup(id)
        } else if process::in_first_pid_namespace() {
            Scope::Process(target.pid)
        } else {
            return Err(EffectError::Unavailable {
                what: "a rule for one process of a shared cgroup",
                why: "pids of this pid namespace are not the kernel's".to_owned(),
            });
        };
        // What cannot be loaded, or could not be shown to be gone afterwards, is not begun.
        drop(load()?);
        drop(bpf::hashes_named::<KEY_BYTES, RULE_BYTES>(RULES)?);
        let token = bpf::token(&injection.run, &injection.id);
        let undo = Undo { cgroup: group.folder, path: group.path, scope, token };
        Ok(serde_json::to_value(undo).expect("invariant: an undo is JSON-safe"))
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        Handle::open(receipt.process)?;
        let undo = undo(receipt)?;
        let rule = rule(values, undo.token, lease);
        let cgroup = File::open(&undo.cgroup).map_err(system("open the target's cgroup"))?;
        let mut held = Held { undo, rule, links: Vec::new() };
        let mut object = load()?;
        held.links = attach(&mut object, &cgroup)?;
        let key = held.undo.key();
        let mut stats = object.hash::<KEY_BYTES, STAT_BYTES>(STATS)?;
        stats.insert(key, [0; STAT_BYTES], 0).map_err(unavailable("a BPF map"))?;
        held.arm(&mut object)?;
        Ok(Box::new(held))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        // The link went with its holder. An entry in the map of an agent that hangs is taken
        // out here; without it the program lets every connection pass.
        let undo = undo(receipt)?;
        for mut rules in bpf::hashes_named::<KEY_BYTES, RULE_BYTES>(RULES)? {
            if is_ours(&rules.get(&undo.key(), 0), &undo) {
                forgotten(rules.remove(&undo.key()))?;
            }
        }
        Ok(())
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let undo = undo(receipt)?;
        let rules = bpf::hashes_named::<KEY_BYTES, RULE_BYTES>(RULES)?;
        let left = rules.iter().filter(|rules| is_ours(&rules.get(&undo.key(), 0), &undo));
        Ok(left.map(|_| format!("connections {} are still refused", undo.whose())).collect())
    }

    fn advice(&self, _receipt: &Receipt) -> String {
        "squall undo, or end the agent: without it the kernel drops the program".to_owned()
    }
}

impl Held {
    fn arm(&self, object: &mut Loaded) -> Result<(), EffectError> {
        let mut rules = object.hash::<KEY_BYTES, RULE_BYTES>(RULES)?;
        rules.insert(self.undo.key(), self.rule, 0).map_err(unavailable("a BPF map"))
    }

    fn disarm(&self) -> Result<(), EffectError> {
        let mut object = load()?;
        forgotten(object.hash::<KEY_BYTES, RULE_BYTES>(RULES)?.remove(&self.undo.key()))?;
        forgotten(object.hash::<KEY_BYTES, STAT_BYTES>(STATS)?.remove(&self.undo.key()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The rule first: it ends the effect for both families at once. Should that fail, the
        // links end it.
        let _links_follow = self.disarm();
        self.links.clear();
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let mut object = load()?;
        let stats = object.hash::<KEY_BYTES, STAT_BYTES>(STATS)?;
        let stat = stats.get(&self.undo.key(), 0).map_err(unavailable("a BPF map"))?;
        let number = |at: usize| {
            let bytes = stat[at..at + 8].try_into().expect("invariant: eight bytes");
            u64::from_ne_bytes(bytes)
        };
        let (seen, matched, refused) = (number(0), number(8), number(16));
        let detail = match (seen, matched) {
            (0, _) => "the target opened no connection".to_owned(),
            (_, 0) => format!("{seen} connections seen, none of them matches"),
            _ => format!("{refused} of {matched} matching connections refused, {seen} seen"),
        };
        Ok(Bite { hits: refused, seen, detail, ..Bite::default() })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.rule[..8].copy_from_slice(&lease.boottime_ns.to_ne_bytes());
        self.arm(&mut load()?)
    }

    fn mechanism(&self) -> String {
        format!("cgroup connect4/6 {}", self.undo.whose())
    }
}

impl Undo {
    /// `struct refuse_key`.
    fn key(&self) -> [u8; KEY_BYTES] {
        let (kind, id) = match self.scope {
            Scope::Process(pid) => (1u32, u64::from(pid)),
            Scope::Cgroup(id) => (2, id),
        };
        let mut key = [0; KEY_BYTES];
        key[..4].copy_from_slice(&kind.to_ne_bytes());
        key[8..].copy_from_slice(&id.to_ne_bytes());
        key
    }

    fn whose(&self) -> String {
        match self.scope {
            Scope::Process(pid) => format!("on {}, pid {pid} only", self.path),
            Scope::Cgroup(_) => format!("on {}", self.path),
        }
    }
}

/// Loads the programs and attaches them to a cgroup, without a rule.
pub(crate) fn trial(cgroup: &File) -> Result<(), EffectError> {
    attach(&mut load()?, cgroup).map(drop)
}

fn attach(object: &mut Loaded, cgroup: &File) -> Result<Vec<CgroupSockAddrLink>, EffectError> {
    let mut links = Vec::new();
    for name in PROGRAMS {
        let program = program(object, name)?;
        let link = program.attach(cgroup, CgroupAttachMode::Single);
        let link = link.and_then(|link| program.take_link(link));
        links.push(link.map_err(unavailable("a cgroup link"))?);
    }
    Ok(links)
}

/// Brings the programs into the kernel, once.
fn load() -> Result<Loaded, EffectError> {
    OBJECT.get(|ebpf| {
        for name in PROGRAMS {
            let program = ebpf.program_mut(name).expect("invariant: the object has this program");
            let program: &mut CgroupSockAddr =
                program.try_into().map_err(unavailable("a cgroup connect program"))?;
            program.load().map_err(unavailable("a cgroup connect program"))?;
        }
        Ok(())
    })
}

fn program<'a>(object: &'a mut Loaded, name: &str) -> Result<&'a mut CgroupSockAddr, EffectError> {
    let program = object.ebpf().program_mut(name);
    let program = program.expect("invariant: the object has this program");
    program.try_into().map_err(unavailable("a cgroup connect program"))
}

/// True where nobody but the target and its descendants lives in its cgroup.
fn is_alone(pid: u32, group: &cgroup::Group) -> Result<bool, EffectError> {
    if group.path == "/" {
        return Ok(false);
    }
    let members = cgroup::members(&group.folder).map_err(system("read the target's cgroup"))?;
    // Looking for descendants reads every process of the host; the usual target needs none.
    if members.iter().all(|member| *member == pid) {
        return Ok(true);
    }
    let mut family: BTreeSet<u32> = process::descendants(pid).iter().map(|own| own.pid).collect();
    family.insert(pid);
    Ok(members.iter().all(|member| family.contains(member)))
}

/// `struct refuse_rule`.
fn rule(values: &Checked, token: u64, lease: LeaseEnd) -> [u8; RULE_BYTES] {
    let (mut address, mut mask, mut family) = ([0u8; 16], [0u8; 16], 0u8);
    if let Some((range, bits)) = values.text("to").and_then(cidr) {
        let octets = match (range, range.to_canonical()) {
            (_, IpAddr::V6(v6)) => (v6.octets().to_vec(), bits, 6),
            (IpAddr::V4(_), IpAddr::V4(v4)) => (v4.octets().to_vec(), bits, 4),
            // An IPv4 range in IPv6 clothes: the first 96 bits are the clothes.
            (IpAddr::V6(_), IpAddr::V4(v4)) => (v4.octets().to_vec(), bits.saturating_sub(96), 4),
        };
        family = octets.2;
        for (at, octet) in octets.0.iter().enumerate() {
            let left = usize::from(octets.1).saturating_sub(at * 8).min(8);
            mask[at] = (0xff00u16 >> left) as u8;
            address[at] = octet & mask[at];
        }
    }
    let protocols: u8 = match values.word("protocol") {
        "udp" => 2,
        "both" => 3,
        _ => 1,
    };
    let share = (values.share("share") * f64::from(u32::MAX)).round() as u32;
    let mut rule = Vec::with_capacity(RULE_BYTES);
    rule.extend(lease.boottime_ns.to_ne_bytes());
    rule.extend(token.to_ne_bytes());
    rule.extend(std::process::id().to_ne_bytes());
    rule.extend(share.to_ne_bytes());
    rule.extend(address);
    rule.extend(mask);
    rule.extend(values.port("port").unwrap_or(0).to_ne_bytes());
    rule.extend([family, protocols]);
    rule.extend([0; 4]);
    rule.try_into().expect("invariant: the fields add up to the structure")
}

fn is_ours(rule: &Result<[u8; RULE_BYTES], MapError>, undo: &Undo) -> bool {
    rule.as_ref().is_ok_and(|rule| rule[8..16] == undo.token.to_ne_bytes())
}

/// An entry that is gone already was removed by somebody else.
fn forgotten(removed: Result<(), MapError>) -> Result<(), EffectError> {
    match removed {
        Ok(()) | Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error))
            if error.io_error.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(())
        }
        Err(error) => Err(unavailable("a BPF map")(error)),
    }
}

fn undo(receipt: &Receipt) -> Result<Undo, EffectError> {
    let undo = Undo::deserialize(&receipt.undo);
    undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
}
