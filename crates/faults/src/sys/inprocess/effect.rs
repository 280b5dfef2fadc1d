//! The effect of every fault inside a process: the SDK acts, and holds its own lease.

use super::peer::{Peer, find};
use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::inprocess::probe;
use crate::sys::process::system;
use crate::sys::{clock, process};
use crate::values::Checked;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use squall_wire::sdk::{SdkArm, SdkBite, ToSdk};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The effect of a probe.
pub(crate) struct InProcess;

/// What undoes it: nothing has to be done but to let go. The connection belongs to one process,
/// and with that process's end the kernel closes it, which disarms.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Undo {
    /// The process that holds the connection.
    holder: ProcessIdentity,
    /// What the SDK calls it.
    id: String,
    /// When the fault ends by itself even where the holder hangs, in nanoseconds of the boot
    /// clock: the run's cap, since renewals are not in the receipt.
    until_ns: u64,
}

struct Held {
    peer: Arc<Peer>,
    id: String,
    probe: String,
    /// Goes with the holder: whoever has only the receipt sees by it that the fault is armed.
    _mark: OwnedFd,
}

/// The name of the memory file that marks an armed fault, as `/proc/PID/fd` shows it.
fn mark(id: &str) -> String {
    format!("squall-armed:{id}")
}

/// True where a process holds the mark of an injection.
fn is_marked(holder: u32, id: &str) -> bool {
    let wanted = format!("/memfd:{}", mark(id));
    let Ok(open) = std::fs::read_dir(format!("/proc/{holder}/fd")) else { return false };
    // The kernel adds ` (deleted)`.
    let is_mark = |link: std::path::PathBuf| {
        link.to_str().is_some_and(|link| link.trim_end_matches(" (deleted)") == wanted)
    };
    open.flatten().any(|entry| std::fs::read_link(entry.path()).is_ok_and(is_mark))
}

impl Effect for InProcess {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        let peer = registered(injection.target.process)?;
        let wanted = probe(&injection.fault, values);
        if !peer.hello().probes.iter().any(|known| known == wanted) {
            let known = peer.hello().probes.join(", ");
            let text = format!("no probe `{wanted}` is registered in the target; it has {known}");
            return Err(EffectError::BadValues(text));
        }
        let holder = process::identity(std::process::id()).ok_or(EffectError::TargetGone)?;
        let until_ns = clock::boottime_ns() + injection.cap_ms.saturating_mul(1_000_000);
        let id = format!("{}/{}", injection.run, injection.id);
        let undo = Undo { holder, id, until_ns };
        Ok(serde_json::to_value(undo).expect("invariant: an undo is JSON-safe"))
    }

    fn apply(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let peer = registered(receipt.process)?;
        let undo = undo(receipt)?;
        let probe = probe(&injection.fault, values).to_owned();
        let (params, filters) = crate::inprocess::told(values, injection);
        let named = mark(&undo.id);
        let marked = rustix::fs::memfd_create(named, rustix::fs::MemfdFlags::CLOEXEC);
        let _mark = marked.map_err(|error| system("mark the fault as armed")(error.into()))?;
        let held = Held { peer, id: undo.id, probe, _mark };
        // Held before it is asked for: should the answer be lost, dropping it disarms.
        let arm = |call| SdkArm {
            call,
            id: held.id.clone(),
            probe: held.probe.clone(),
            params,
            filters,
            lease_ms: left_ms(lease),
            seed: injection.seed,
        };
        held.peer.arm(arm, &held.id)?;
        Ok(Box::new(held))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        let undo = undo(receipt)?;
        if let Some(peer) = find(receipt.process) {
            peer.disarm(&undo.id);
        }
        Ok(())
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let undo = undo(receipt)?;
        if process::identity(receipt.process.pid) != Some(receipt.process) {
            return Ok(Vec::new());
        }
        if let Some(peer) = find(receipt.process) {
            let still = peer.call(|call| ToSdk::Bite { call, id: undo.id.clone() }).is_ok();
            let text = || format!("{} is still armed in pid {}", undo.id, receipt.process.pid);
            return Ok(if still { vec![text()] } else { Vec::new() });
        }
        // Nobody here is connected to it. Whoever was has to be gone, or its time to be over.
        let lives = process::identity(undo.holder.pid) == Some(undo.holder);
        let holds = lives && is_marked(undo.holder.pid, &undo.id);
        if holds && clock::boottime_ns() < undo.until_ns {
            let text = format!(
                "agent {} still holds {} in pid {}; the target ends it when its lease does",
                undo.holder.pid, undo.id, receipt.process.pid
            );
            return Ok(vec![text]);
        }
        Ok(Vec::new())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        format!(
            "end the agent: the target disarms when the connection closes; or restart pid {}",
            receipt.process.pid
        )
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A connection that is gone has disarmed it already.
        self.peer.disarm(&self.id);
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        if let Some(event) = self.peer.take_ended(&self.id) {
            let (bite, why) = (event.bite.unwrap_or_default(), event.why);
            return Ok(told(SdkBite { detail: format!("{}; ended: {why}", bite.detail), ..bite }));
        }
        let ack = self.peer.call(|call| ToSdk::Bite { call, id: self.id.clone() })?;
        Ok(told(ack.bite.unwrap_or_default()))
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        let (id, lease_ms) = (self.id.clone(), left_ms(lease));
        self.peer.call(|call| ToSdk::Renew { call, id, lease_ms }).map(drop)
    }

    fn mechanism(&self) -> String {
        let hello = self.peer.hello();
        format!("{} by the SDK in {} ({})", self.probe, hello.instance, hello.go)
    }
}

fn told(bite: SdkBite) -> Bite {
    let SdkBite { hits, seen, asked, delivered, detail } = bite;
    Bite { hits, seen, asked, delivered, detail, ..Bite::default() }
}

fn left_ms(lease: LeaseEnd) -> u64 {
    (lease.boottime_ns.saturating_sub(clock::boottime_ns()) / 1_000_000).max(1)
}

fn registered(process: ProcessIdentity) -> Result<Arc<Peer>, EffectError> {
    find(process).ok_or_else(|| EffectError::Unavailable {
        what: "the SDK in the target",
        why: format!("pid {} has not registered with this agent", process.pid),
    })
}

fn undo(receipt: &Receipt) -> Result<Undo, EffectError> {
    let undo = Undo::deserialize(&receipt.undo);
    undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
}
