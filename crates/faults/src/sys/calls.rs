//! Faults that answer a socket call of the target in the kernel's stead: what such a fault says is
//! data, this is what they all do with it.

use crate::dose::by_chance;
use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::armed::{self, Armed, Object};
use crate::sys::bpf;
use crate::sys::process::Handle;
use crate::sys::redirect;
use crate::sys::rule::{Rule, Tally};
use crate::sys::scope::Scope;
use crate::values::Checked;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;

/// A fault on socket calls.
pub(crate) struct CallFault {
    /// Its programs and maps.
    pub(crate) object: &'static Object,
    /// The programs, all of them attached.
    pub(crate) programs: &'static [&'static str],
    /// Their hooks, for the record.
    pub(crate) hooks: &'static str,
    /// What only this fault writes into the rule.
    pub(crate) rule: fn(&Checked, &mut Rule),
    /// What is hit, in the plural.
    pub(crate) what: &'static str,
    /// What a hit is called: `refused`.
    pub(crate) hit: &'static str,
    /// What is said where no call was seen.
    pub(crate) none: &'static str,
}

/// What undoes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    /// Whose calls.
    scope: Scope,
    /// Tells this rule from others.
    token: u64,
}

struct Held {
    armed: Armed,
    share: f64,
    what: &'static str,
    hit: &'static str,
    none: &'static str,
    mechanism: String,
}

impl Effect for CallFault {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        let scope = Scope::of_calls(injection.target.process)?;
        let token = bpf::token(&injection.run, &injection.id);
        Rule::of(values, token, injection.seed, LeaseEnd::NEVER).bytes()?;
        armed::tried(self.object)?;
        Ok(serde_json::to_value(Undo { scope, token }).expect("invariant: an undo is JSON-safe"))
    }

    fn apply(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        Handle::open(receipt.process)?;
        let undo = undo(receipt)?;
        let mut rule = Rule::of(values, undo.token, injection.seed, lease);
        if let Scope::Process { pid, .. } = undo.scope {
            rule.tgid = pid;
        }
        let share = if values.has("share") { values.share("share") } else { 1.0 };
        rule.share(share, 0.0);
        (self.rule)(values, &mut rule);
        let mut armed = Armed::load(self.object)?;
        let cgroup = undo.scope.open()?;
        self.programs.iter().try_for_each(|program| armed.on_calls(program, &cgroup))?;
        // A redirect before it would hide from it where the target wants to go.
        undo.scope.folder().map_or(Ok(()), redirect::go_last)?;
        armed.arm(rule)?;
        let mechanism = format!("cgroup {} on {}", self.hooks, undo.scope.shown());
        let (what, hit, none) = (self.what, self.hit, self.none);
        Ok(Box::new(Held { armed, share, what, hit, none, mechanism }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        // The links went with their holder. The rule in the map of an agent that hangs is ended
        // here; without it the programs let every call pass.
        armed::end(self.object, undo(receipt)?.token)
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let undo = undo(receipt)?;
        let (what, hit) = (self.what, self.hit);
        Ok(match armed::acting(self.object, undo.token)? {
            0 => Vec::new(),
            _ => vec![format!("{what} on {} are still {hit}", undo.scope.shown())],
        })
    }

    fn advice(&self, _receipt: &Receipt) -> String {
        "squall undo, or end the agent: without it the kernel drops the program".to_owned()
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let Tally { seen, matched, hit, .. } = self.armed.tally()?;
        let (what, word) = (self.what, self.hit);
        let detail = match (seen, matched) {
            (0, _) => self.none.to_owned(),
            (_, 0) => format!("{seen} {what} seen, none of them matches"),
            _ => format!("{hit} of {matched} matching {what} {word}, {seen} seen"),
        };
        let asked = self.share * 100.0;
        Ok(Bite {
            hits: hit,
            seen,
            asked: Some(asked),
            delivered: (matched > 0).then(|| hit as f64 * 100.0 / matched as f64),
            tolerance: Some(by_chance(asked, matched)),
            detail,
        })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.armed.extend(lease)
    }

    fn mechanism(&self) -> String {
        self.mechanism.clone()
    }
}

fn undo(receipt: &Receipt) -> Result<Undo, EffectError> {
    let undo = Undo::deserialize(&receipt.undo);
    undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
}
