//! Faults that choose packets by chance and hurt each by itself: what such a fault says is data,
//! this is what they all do with it.

use crate::dose::by_chance;
use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::armed::{self, Armed, Object};
use crate::sys::bpf;
use crate::sys::device;
use crate::sys::netns::Netns;
use crate::sys::process::{Handle, system};
use crate::sys::rule::{ARRIVING, LEAVING, Rule, Tally};
use crate::sys::scope::{self, Scope};
use crate::values::Checked;
use aya::programs::CgroupSkbAttachType;
use aya::programs::tc::TcAttachType;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;

/// A fault on packets.
pub(crate) struct PacketFault {
    /// Its programs and maps.
    pub(crate) object: &'static Object,
    /// The programs for packets that arrive and that leave; a direction without one is not
    /// offered.
    pub(crate) arriving: Hooks,
    /// As `arriving`.
    pub(crate) leaving: Hooks,
    /// What only this fault writes into the rule.
    pub(crate) rule: fn(&Checked, &mut Rule),
    /// What a hit is called: `lost`.
    pub(crate) hit: &'static str,
    /// What the mechanism cannot do, for the record.
    pub(crate) cannot: &'static str,
}

/// The program on the target's cgroup, and the one on its devices.
pub(crate) struct Hooks {
    /// Sees the target's packets only.
    pub(crate) cgroup: Option<&'static str>,
    /// Sees all packets of the namespace.
    pub(crate) device: Option<&'static str>,
}

/// What undoes a fault on packets. The namespace is the target's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undo {
    /// Whose packets.
    pub(crate) scope: Scope,
    /// The namespace's inode.
    pub(crate) netns: u64,
    /// Tells this rule from others.
    pub(crate) token: u64,
}

struct Held {
    armed: Armed,
    share: f64,
    correlation: f64,
    hit: &'static str,
    mechanism: String,
}

impl Effect for PacketFault {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        let undo = Undo::of(injection)?;
        Rule::of(values, 0, 0, LeaseEnd::NEVER).bytes()?;
        armed::tried(self.object)?;
        Ok(undo.value())
    }

    fn apply(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let undo = Undo::read(receipt)?;
        let netns = undo.enterable(receipt)?;
        let mut rule = undo.rule(values, injection.seed, lease);
        (self.rule)(values, &mut rule);
        let mut armed = Armed::load(self.object)?;
        let places = self.attach(&mut armed, &undo, &netns, rule.sides)?;
        armed.arm(rule)?;
        let cannot = if self.cannot.is_empty() { "" } else { "; " };
        let mechanism = format!("{}{cannot}{}", places.join(" and "), self.cannot);
        let share = if values.has("share") { values.share("share") } else { 1.0 };
        let burst = values.has("correlation");
        let correlation = if burst { values.share("correlation") } else { 0.0 };
        Ok(Box::new(Held { armed, share, correlation, hit: self.hit, mechanism }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        // The links went with their holder. The rule in the map of an agent that hangs is ended
        // here; without it the programs let everything pass.
        armed::end(self.object, Undo::read(receipt)?.token)
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let undo = Undo::read(receipt)?;
        Ok(match armed::acting(self.object, undo.token)? {
            0 => Vec::new(),
            _ => vec![format!("packets of {} are still {}", undo.scope.shown(), self.hit)],
        })
    }

    fn advice(&self, _receipt: &Receipt) -> String {
        "squall undo, or end the agent: without it the kernel drops the programs".to_owned()
    }
}

impl PacketFault {
    /// Attaches what these sides need; returns where, for the record.
    fn attach(
        &self,
        armed: &mut Armed,
        undo: &Undo,
        netns: &Netns,
        sides: u32,
    ) -> Result<Vec<String>, EffectError> {
        let mut places = Vec::new();
        let both = [
            (ARRIVING, &self.arriving, CgroupSkbAttachType::Ingress, TcAttachType::Ingress),
            (LEAVING, &self.leaving, CgroupSkbAttachType::Egress, TcAttachType::Egress),
        ];
        for (side, hooks, of_cgroup, of_device) in both {
            if sides & side == 0 {
                continue;
            }
            let word = if side == LEAVING { "egress" } else { "ingress" };
            let shown = undo.scope.shown();
            let own = hooks.cgroup.filter(|_| undo.scope.folder().is_some());
            if let Some(program) = own {
                armed.on_cgroup(program, &undo.scope.open()?, of_cgroup)?;
                places.push(format!("cgroup_skb {word} on {shown}"));
            } else if let Some(program) = hooks.device {
                let devices = netns.inside(|| on_devices(armed, program, of_device))??;
                places.push(format!("tcx {word} on {} for {shown}", devices.join(", ")));
            }
        }
        Ok(places)
    }
}

/// Attaches a program to every device of the calling thread's namespace.
pub(crate) fn on_devices(
    armed: &mut Armed,
    program: &str,
    side: TcAttachType,
) -> Result<Vec<String>, EffectError> {
    let devices = device::list().map_err(system("list the target's network devices"))?;
    let names: Vec<String> = devices.into_iter().map(|device| device.name).collect();
    if names.is_empty() {
        let text = "no network device of the target's namespace is up".to_owned();
        return Err(EffectError::InTheWay(text));
    }
    armed.on_devices(program, &names, side)?;
    Ok(names)
}

impl Undo {
    /// Works it out for an injection.
    pub(crate) fn of(injection: &Injection) -> Result<Undo, EffectError> {
        let target = injection.target.process;
        let scope = Scope::of_packets(target)?;
        if matches!(scope, Scope::Cgroup { .. }) && !scope::in_first_cgroup_namespace() {
            return Err(EffectError::Unavailable {
                what: "telling one cgroup's packets",
                why: "the agent is in a cgroup namespace; start it on the host".to_owned(),
            });
        }
        let token = bpf::token(&injection.run, &injection.id);
        Ok(Undo { scope, netns: Netns::of(target)?.inode(), token })
    }

    /// As the receipt has it.
    pub(crate) fn value(&self) -> Value {
        serde_json::to_value(self).expect("invariant: an undo is JSON-safe")
    }

    /// From a receipt.
    pub(crate) fn read(receipt: &Receipt) -> Result<Undo, EffectError> {
        let undo = Undo::deserialize(&receipt.undo);
        undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
    }

    /// Opens the namespace, which must still be the target's.
    pub(crate) fn enterable(&self, receipt: &Receipt) -> Result<Netns, EffectError> {
        Handle::open(receipt.process)?;
        let netns = Netns::of(receipt.process)?;
        if netns.inode() == self.netns {
            return Ok(netns);
        }
        Err(EffectError::InTheWay("the target moved to another network namespace".to_owned()))
    }

    /// A rule for this scope.
    pub(crate) fn rule(&self, values: &Checked, seed: u64, lease: LeaseEnd) -> Rule {
        let mut rule = Rule::of(values, self.token, seed, lease);
        if let Scope::Cgroup { id, level, .. } = self.scope {
            (rule.cgroup, rule.level) = (id, level);
        }
        if values.has("direction") {
            rule.sides = match values.word("direction") {
                "in" => ARRIVING,
                "both" => ARRIVING | LEAVING,
                _ => LEAVING,
            };
        }
        if values.has("share") {
            let burst = values.has("correlation");
            let correlation = if burst { values.share("correlation") } else { 0.0 };
            rule.share(values.share("share"), correlation);
        }
        rule
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let tally = self.armed.tally()?;
        let (asked, matched) = (self.share * 100.0, tally.matched);
        // Bursts make the same number of trials say less.
        let inflation = ((1.0 + self.correlation) / (1.0 - self.correlation)).sqrt();
        Ok(Bite {
            hits: tally.hit,
            seen: tally.seen,
            asked: Some(asked),
            delivered: (matched > 0).then(|| tally.hit as f64 * 100.0 / matched as f64),
            tolerance: Some(by_chance(asked, matched) * inflation),
            detail: detail(&tally, self.hit),
        })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.armed.extend(lease)
    }

    fn mechanism(&self) -> String {
        self.mechanism.clone()
    }
}

/// One line for a person: what happened, or why nothing did.
pub(crate) fn detail(tally: &Tally, hit: &str) -> String {
    let Tally { seen, matched, hit: hits, segments, segments_hit } = *tally;
    match (seen, matched) {
        (0, _) => "no packet of the target was seen".to_owned(),
        (_, 0) => format!("{seen} packets seen, none of them matches"),
        _ if segments > matched => format!(
            "{hits} of {matched} matching packets {hit} ({segments_hit} of {segments} as they go \
             on the wire), {seen} seen"
        ),
        _ => format!("{hits} of {matched} matching packets {hit}, {seen} seen"),
    }
}
