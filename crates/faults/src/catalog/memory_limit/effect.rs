//! A limit of memory on the target's cgroup and, where a kill is asked for, a worker that fills
//! what is left. The kernel then takes the target, whose score is raised: to lower the worker's
//! would need a capability that containers rarely have.

use super::FAULT;
use crate::catalog::memory_load::take::{Ballast, available};
use crate::effect::{Effect, EffectError, Holder, LeaseEnd, Mechanism};
use crate::sys::cgroup::Group;
use crate::sys::place::{Controller, Place};
use crate::sys::process::{self, Handle, system};
use crate::sys::stopping::is_same;
use crate::sys::worker::{self, Leash, Task, WORK_NAME, Worker};
use crate::values::Checked;
use rustix::fs::{MemfdFlags, memfd_create};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &MemoryLimit;

const V1_LIMIT: &str = "memory.limit_in_bytes";
const V2_LIMIT: &str = "memory.max";
const CONTROLLER: Controller = Controller { name: "memory", v1: &[V1_LIMIT], v2: &[V2_LIMIT] };
/// Whoever has it is killed first.
const SCORE_FIRST: i32 = 1000;
/// The score counts in shares of the limit: below this the program of the worker alone would
/// outweigh it.
const ROOM_MIN: u64 = 32 << 20;
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
    process: ProcessIdentity,
    /// What the out-of-memory killer made of the target before; `None` where it stays so.
    score: Option<i32>,
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
        let process = injection.target.process;
        let score = match values.word("oom") {
            "yes" => Some(score(process.pid).ok_or(EffectError::TargetGone)?),
            _ => None,
        };
        // Read, then checked: a reused pid cannot have given its score.
        Handle::open(process)?;
        let undo = Undo { place, worker: worker::Undo::of(injection), process, score };
        Ok(serde_json::to_value(undo).expect("invariant: an undo is JSON-safe"))
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let Undo { place, worker, .. } = undo(receipt)?;
        place.enter(receipt.process)?;
        let (usage, file) = match place.v2 {
            true => ("memory.current", V2_LIMIT),
            false => ("memory.usage_in_bytes", V1_LIMIT),
        };
        let leave = values.bytes("leave").unwrap_or(0);
        let mut limit = place.number(usage).unwrap_or(0).saturating_add(leave);
        let before = counts(&place);
        let oom = values.word("oom") == "yes";
        if oom {
            limit = limit.max(ROOM_MIN);
        }
        place.set(file, &limit.to_string())?;
        if oom {
            set_score(receipt.process, SCORE_FIRST).map_err(system("name the target to kill"))?;
        }
        let worker = oom.then(|| fill(&place, receipt, worker.token, limit, lease)).transpose()?;
        let process = receipt.process;
        Ok(Box::new(Held { process, place, limit, oom, before, last: before, worker }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        let undo = undo(receipt)?;
        // Both are tried: a worker that cannot be ended must not keep the limit in place.
        let ended = undo.worker.end();
        let scored = match undo.score {
            Some(score) => set_score(undo.process, score),
            None => Ok(()),
        };
        undo.place.restore()?;
        scored.map_err(system("set the target's score back"))?;
        ended
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let undo = undo(receipt)?;
        let now = score(undo.process.pid).filter(|_| is_same(undo.process));
        let other = now.is_some() && undo.score.is_some() && now != undo.score;
        let text = format!("the score of pid {} is not as before", undo.process.pid);
        let score = other.then_some(text).into_iter().collect();
        Ok([undo.worker.residue(), undo.place.residue(), score].concat())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        undo(receipt).map_or_else(|_| "squall undo".to_owned(), |undo| undo.place.advice())
    }

    fn work(&self, words: &[String], leash: &Leash) -> Result<(), String> {
        let (pid, words) = words.split_last().ok_or("no target is named")?;
        let pid: u32 = pid.parse().map_err(|_| "its target is not readable")?;
        let ballast = Ballast::parse(words).ok_or("its size is not readable")?;
        // With the target gone there is nobody left in the group that could be killed for it.
        let wanted = || !leash.ended() && process::identity(pid).is_some();
        // A file in memory counts for the group but not as the worker's own, so that the kernel
        // does not take the worker for the largest of the group.
        let file = memfd_create("squall-ballast", MemfdFlags::CLOEXEC);
        let mut file = File::from(file.map_err(|error| error.to_string())?);
        let zeros = vec![0; PIECE as usize];
        // A piece that the limit refuses is tried again with the next.
        ballast.take(wanted, |_| drop(file.write_all(&zeros)));
        std::mem::forget(file);
        Ok(())
    }
}

/// What the out-of-memory killer makes of a process.
fn score(pid: u32) -> Option<i32> {
    fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).ok()?.trim().parse().ok()
}

/// Sets it for exactly this process; one that is gone needs no score.
fn set_score(process: ProcessIdentity, score: i32) -> io::Result<()> {
    if !is_same(process) {
        return Ok(());
    }
    match fs::write(format!("/proc/{}/oom_score_adj", process.pid), score.to_string()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        set => set,
    }
}

/// Starts what fills the rest. A kernel that must kill in the group takes the target then; the
/// worker is bounded by the limit, its own size and the host's reserve.
fn fill(
    place: &Place,
    receipt: &Receipt,
    token: String,
    limit: u64,
    lease: LeaseEnd,
) -> Result<Worker, EffectError> {
    let size = limit.saturating_mul(2);
    let ballast = Ballast { size, step: PIECE, interval: PIECE_EVERY, reserve: RESERVE };
    let fault = FAULT.describe().name;
    let words = [ballast.words(), vec![receipt.process.pid.to_string()]].concat();
    let task = Task { token, fault, words, oom_score: 0 };
    let path = place.folder.display().to_string();
    let group = Group { folder: place.folder.clone(), path, v2: place.v2, controllers: Vec::new() };
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
            let detail =
                format!("{killed} killed for want of memory at {limit} MiB; the target is {fate}");
            let hits = u64::from(dead && killed > 0);
            return Ok(Bite { hits, seen: 1, detail, ..Bite::default() });
        }
        let detail =
            format!("the limit of {limit} MiB was reached {reached} times, {killed} killed");
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
