//! A limit of memory on the target's cgroup and, where a kill is asked for, a worker that fills
//! what is left and that the kernel must not kill itself.

use super::FAULT;
use crate::catalog::memory_load::take::{Ballast, available};
use crate::effect::{Effect, EffectError, Holder, LeaseEnd, Mechanism};
use crate::sys::cgroup::Group;
use crate::sys::process;
use crate::sys::place::{Controller, Place};
use crate::sys::stopping::is_same;
use crate::sys::worker::{self, Leash, Task, WORK_NAME, Worker};
use crate::values::Checked;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &MemoryLimit;

const V1_LIMIT: &str = "memory.limit_in_bytes";
const V2_LIMIT: &str = "memory.max";
const CONTROLLER: Controller = Controller { name: "memory", v1: &[V1_LIMIT], v2: &[V2_LIMIT] };
/// What the host keeps where a kill is asked for; the limit bounds the rest.
const RESERVE: u64 = 256 << 20;
/// The worker takes what is left in pieces of this size, so that the target is not far from it
/// when the last one is refused.
const PIECE: u64 = 1 << 20;
const PIECE_EVERY: Duration = Duration::from_millis(1);

const MECHANISMS: &[Mechanism] = &[
    Mechanism {
        name: "cgroup v1 memory.limit_in_bytes",
        death: Controller::DEATH,
        trial: || CONTROLLER.trial(false),
    },
    Mechanism {
        name: "cgroup v2 memory.max",
        death: Controller::DEATH,
        trial: || CONTROLLER.trial(true),
    },
];

struct MemoryLimit;

/// What undoes it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    place: Place,
    worker: worker::Undo,
}

struct Held {
    process: ProcessIdentity,
    place: Place,
    limit: u64,
    oom: bool,
    before: Counts,
    last: Counts,
    worker: Option<Worker>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    reached: u64,
    killed: u64,
}

impl Effect for MemoryLimit {
    fn mechanisms(&self) -> &'static [Mechanism] {
        MECHANISMS
    }

    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        let place = CONTROLLER.place(injection)?;
        let leave = values.bytes("leave").unwrap_or(0);
        let free = available().unwrap_or(u64::MAX);
        if values.word("oom") == "yes" && free < leave.saturating_add(RESERVE) {
            let text = format!("the host has {} MiB to give, too few for a safe kill", free >> 20);
            return Err(EffectError::InTheWay(text));
        }
        let undo = Undo { place, worker: worker::Undo::of(injection) };
        Ok(serde_json::to_value(undo).expect("invariant: an undo is JSON-safe"))
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let Undo { place, worker } = undo(receipt)?;
        place.enter(receipt.process)?;
        let (usage, file) = match place.v2 {
            true => ("memory.current", V2_LIMIT),
            false => ("memory.usage_in_bytes", V1_LIMIT),
        };
        let leave = values.bytes("leave").unwrap_or(0);
        let limit = place.number(usage).unwrap_or(0).saturating_add(leave);
        let before = counts(&place);
        let oom = values.word("oom") == "yes";
        place.set(file, &limit.to_string())?;
        let worker = oom.then(|| fill(&place, receipt, worker.token, leave, lease)).transpose()?;
        let process = receipt.process;
        Ok(Box::new(Held { process, place, limit, oom, before, last: before, worker }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        let undo = undo(receipt)?;
        // Both are tried: a worker that cannot be ended must not keep the limit in place.
        let ended = undo.worker.end();
        undo.place.restore()?;
        ended
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let undo = undo(receipt)?;
        Ok([undo.worker.residue(), undo.place.residue()].concat())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        undo(receipt).map_or_else(|_| "squall undo".to_owned(), |undo| undo.place.advice())
    }

    fn work(&self, words: &[String], leash: &Leash) -> Result<(), String> {
        let (pid, words) = words.split_last().ok_or("no target is named")?;
        let pid: u32 = pid.parse().map_err(|_| "its target is not readable")?;
        let ballast = Ballast::parse(words).ok_or("its size is not readable")?;
        // With the target gone there is nobody left in the group that could be killed for it.
        ballast.take(|| !leash.ended() && process::identity(pid).is_some());
        Ok(())
    }
}

/// Starts what fills the rest. A kernel that must kill in the group takes the target then: the
/// worker is exempt, and bounded by the limit, its own size and the host's reserve.
fn fill(
    place: &Place,
    receipt: &Receipt,
    token: String,
    leave: u64,
    lease: LeaseEnd,
) -> Result<Worker, EffectError> {
    let size = leave.saturating_mul(2).max(64 << 20);
    let ballast = Ballast { size, step: PIECE, interval: PIECE_EVERY, reserve: RESERVE };
    let fault = FAULT.describe().name;
    let words = [ballast.words(), vec![receipt.process.pid.to_string()]].concat();
    let task = Task { token, fault, words, oom_score: -1000 };
    let path = place.folder.display().to_string();
    let group =
        Group { folder: place.folder.clone(), path, v2: place.v2, controllers: Vec::new() };
    Worker::start(&task, &[group], lease)
}

fn undo(receipt: &Receipt) -> Result<Undo, EffectError> {
    let undo = Undo::deserialize(&receipt.undo);
    undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
}

fn counts(place: &Place) -> Counts {
    if place.v2 {
        let number = |word: &str| place.counter("memory.events", word).unwrap_or(0);
        return Counts { reached: number("max"), killed: number("oom_kill") };
    }
    Counts {
        reached: place.number("memory.failcnt").unwrap_or(0),
        killed: place.counter("memory.oom_control", "oom_kill").unwrap_or(0),
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let now = counts(&self.place);
        // A group that is gone with its last process counts nothing any more.
        self.last.reached = self.last.reached.max(now.reached);
        self.last.killed = self.last.killed.max(now.killed);
        let reached = self.last.reached.saturating_sub(self.before.reached);
        let killed = self.last.killed.saturating_sub(self.before.killed);
        let limit = self.limit >> 20;
        if self.oom {
            let dead = !is_same(self.process);
            if dead {
                // Nothing is left to be pressed out of the group.
                self.worker = None;
            }
            let fate = if dead { "gone" } else { "still there" };
            let detail = format!("{killed} killed for want of memory at {limit} MiB; the target is {fate}");
            let hits = u64::from(dead && killed > 0);
            return Ok(Bite { hits, seen: 1, detail, ..Bite::default() });
        }
        let detail = format!("the limit of {limit} MiB was reached {reached} times, {killed} killed");
        Ok(Bite { hits: reached, seen: reached, detail, ..Bite::default() })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.worker.as_mut().map_or(Ok(()), |worker| worker.extend(lease))
    }

    fn mechanism(&self) -> String {
        let worker = if self.oom { format!("{WORK_NAME} and ") } else { String::new() };
        format!("{worker}at most {} MiB, {}", self.limit >> 20, self.place.word())
    }
}
