//! From a call to a fault in place: check, reserve, prepare, receipt, apply.

use super::event::{Client, Command, Reverted, Slot};
use super::limits::{INJECTIONS_MAX, NAME_BYTES_MAX, RADIUS_CAP, STEP_NS_MAX};
use super::slot::{Held, Stage};
use super::state::Core;
use serde_json::Value;
use squall_wire::injection::Injection;
use squall_wire::lease::Lease;
use squall_wire::protocol::{Answer, Armed, Refusal};
use squall_wire::receipt::{RECEIPT_VERSION, Receipt};
use std::collections::BTreeSet;

impl Core {
    pub(super) fn arm(&mut self, client: Client, call: u64, injection: Injection, radius: u32) {
        let lease = match self.may_arm(&injection, radius) {
            Ok(lease) => lease,
            Err(refusal) => return self.refuse(client, call, refusal),
        };
        let slot = Slot(self.next_slot);
        self.next_slot += 1;
        let by = self.clients.get(&client).and_then(|joined| joined.greeting.clone());
        let by = by.unwrap_or_default();
        let held = Held {
            run: injection.run.clone(),
            injection: injection.id.clone(),
            fault: injection.fault.clone(),
            target: injection.target.name.clone(),
            process: injection.target.process,
            owner: Some(client),
            by,
            call: Some(call),
            refusal: None,
            lease: Some(lease),
            radius_max: radius,
            receipt: None,
            synced: false,
            stage: Stage::Preparing,
            step_until_ns: self.now_ns.saturating_add(STEP_NS_MAX),
            watch_ns: None,
            since_ns: self.now_ns,
            receipt_us: 0,
            tries: 0,
            ending: None,
            how: Reverted::default(),
            closer: "agent",
        };
        self.held.insert(slot, held);
        self.out.push(Command::Prepare { slot, injection: Box::new(injection) });
    }

    /// Everything that can be refused without looking at the target.
    fn may_arm(&self, injection: &Injection, radius: u32) -> Result<Lease, Refusal> {
        if self.undone || self.leaving {
            let help = "wait until it has ended, then start the run again";
            return Err(refusal("closed", "this agent was told to undo everything and end", help));
        }
        for name in [&injection.run, &injection.id] {
            check_name(name)?;
        }
        let own = [0, 1, self.config.pid, self.watchdog];
        if own.contains(&injection.target.process.pid) {
            let text = format!("{} is Squall itself or process 1", injection.target.name);
            return Err(refusal("own", &text, "choose a target that nothing else hangs on"));
        }
        if self.held.len() >= INJECTIONS_MAX {
            let text = format!("{INJECTIONS_MAX} injections are armed on this host already");
            return Err(refusal("full", &text, "wait for a run to end, or `squall undo`"));
        }
        self.check_reserved(injection)?;
        self.check_radius(injection, radius)?;
        let ns = |ms: u64| ms.saturating_mul(1_000_000);
        Lease::grant(self.now_ns, ns(injection.lease_ms), ns(injection.cap_ms))
            .map_err(|error| refusal("lease", &error.to_string(), "shorten `hold` or the lease"))
    }

    fn check_reserved(&self, injection: &Injection) -> Result<(), Refusal> {
        let twin = |held: &&Held| {
            held.run == injection.run && held.injection == injection.id && !held.is_closing()
        };
        if let Some(held) = self.held.values().find(twin) {
            let text = format!("injection {} of run {} is here already", held.injection, held.run);
            return Err(refusal("duplicate", &text, "give each injection an id of its own"));
        }
        for held in self.held.values().filter(|held| held.holds_target()) {
            if held.process != injection.target.process {
                continue;
            }
            if held.run != injection.run {
                let text = format!(
                    "{} is held by run {} ({})",
                    injection.target.name, held.run, held.fault
                );
                let help = "wait for that run to end, or `squall undo` to end it now";
                return Err(refusal("busy", &text, help));
            }
            let (a, b) = (held.fault.as_str(), injection.fault.as_str());
            if a == b || (self.config.conflicts)(a, b) || (self.config.conflicts)(b, a) {
                let text = format!("{b} conflicts with {a}, which is on {} already", held.target);
                return Err(refusal("conflict", &text, "end one before the other begins"));
            }
        }
        Ok(())
    }

    fn check_radius(&self, injection: &Injection, radius: u32) -> Result<(), Refusal> {
        let mut targets = self.targets_of(&injection.run);
        targets.insert(injection.target.process);
        let held = self.held.values().filter(|h| h.holds_target() && h.run == injection.run);
        let radius = held.map(|h| h.radius_max).fold(radius, u32::min);
        let max = radius.min(RADIUS_CAP) as usize;
        if targets.len() <= max {
            return Ok(());
        }
        let text = format!(
            "run {} would hold {} targets; its radius is {radius} and an agent's limit is {RADIUS_CAP}",
            injection.run,
            targets.len()
        );
        Err(refusal("radius", &text, "choose fewer instances"))
    }

    pub(super) fn targets_of(&self, run: &str) -> BTreeSet<squall_wire::identity::ProcessIdentity> {
        let held = self.held.values().filter(|held| held.holds_target() && held.run == run);
        held.map(|held| held.process).collect()
    }

    pub(super) fn prepared(&mut self, slot: Slot, result: Result<Value, Refusal>) {
        let now_ns = self.now_ns;
        let Some(held) = self.held.get_mut(&slot) else { return };
        if held.stage != Stage::Preparing {
            return;
        }
        let undo = match result {
            Ok(undo) if held.ending.is_none() => undo,
            Ok(_) => return self.forget(slot),
            Err(refusal) => {
                held.refusal = Some(refusal);
                return self.forget(slot);
            }
        };
        let receipt = Box::new(Receipt {
            v: RECEIPT_VERSION,
            id: format!("r-{}-{}", held.run, held.injection),
            run: held.run.clone(),
            injection: held.injection.clone(),
            fault: held.fault.clone(),
            target: held.target.clone(),
            process: held.process,
            boot: self.config.boot.clone(),
            at_unix_ms: self.config.unix_ms_at_zero + now_ns / 1_000_000,
            undo,
        });
        held.receipt = Some(receipt);
        held.stage = Stage::Writing;
        held.step_until_ns = now_ns.saturating_add(STEP_NS_MAX);
        self.held_back.push(slot);
        self.write_receipts();
    }

    /// Writes the receipts that nothing holds back: a watchdog keeps guard, and no closing entry
    /// is on its way that would close this receipt with an earlier one of the same name.
    pub(super) fn write_receipts(&mut self) {
        if !self.guarded {
            return;
        }
        for slot in std::mem::take(&mut self.held_back) {
            let Some(receipt) = self.held.get(&slot).and_then(|held| held.receipt.clone()) else {
                continue;
            };
            let same = |held: &&Held| held.receipt.as_ref().is_some_and(|r| r.id == receipt.id);
            if self.held.values().filter(same).any(Held::is_closing) {
                self.held_back.push(slot);
            } else {
                self.out.push(Command::WriteReceipt { slot, receipt });
            }
        }
    }

    pub(super) fn written(&mut self, slot: Slot, result: Result<u64, Refusal>) {
        let now_ns = self.now_ns;
        let Some(held) = self.held.get_mut(&slot) else { return };
        let (Stage::Writing, Some(receipt)) = (held.stage, held.receipt.clone()) else { return };
        match result {
            Err(refusal) => {
                held.refusal = Some(refusal);
                self.forget(slot);
            }
            Ok(took_us) => {
                held.synced = true;
                held.receipt_us = took_us;
                if held.ending.is_some() {
                    return self.close(slot);
                }
                held.stage = Stage::Applying;
                held.step_until_ns = now_ns.saturating_add(STEP_NS_MAX);
                let deadline_ns = held.lease.map_or(now_ns, |lease| lease.deadline_ns());
                held.watch_ns = Some(deadline_ns);
                self.out.push(Command::Watch { receipt: receipt.id.clone(), deadline_ns });
                self.out.push(Command::Apply { slot, receipt, deadline_ns });
            }
        }
    }

    pub(super) fn applied(&mut self, slot: Slot, result: Result<(String, u64), Refusal>) {
        let Some(held) = self.held.get_mut(&slot) else { return };
        if held.stage != Stage::Applying {
            return;
        }
        match result {
            Err(refusal) => {
                held.refusal = Some(refusal);
                self.end(slot, "failed", false);
            }
            Ok((mechanism, apply_us)) => {
                held.stage = Stage::Armed;
                let armed = Armed {
                    injection: held.injection.clone(),
                    receipt: held.receipt.as_ref().map_or(String::new(), |r| r.id.clone()),
                    receipt_us: held.receipt_us,
                    apply_us,
                    mechanism,
                };
                if let (Some(client), Some(call)) = (held.owner, held.call.take()) {
                    self.answer(client, call, Answer::Armed(armed));
                }
            }
        }
    }
}

/// Builds a refusal.
pub(super) fn refusal(code: &str, message: &str, help: &str) -> Refusal {
    Refusal { code: code.into(), message: message.into(), help: Some(help.into()) }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let sound = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let led = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if led && name.len() <= NAME_BYTES_MAX && name.bytes().all(sound) {
        return Ok(());
    }
    let text = format!("`{name:.80}` is no id for a run or an injection");
    let help = format!("use at most {NAME_BYTES_MAX} letters, digits, `-`, `_` or `.`");
    Err(refusal("bad", &text, &help))
}
