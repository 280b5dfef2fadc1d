//! Starts a worker in the target's cgroups that takes memory and keeps it.

use super::FAULT;
use super::take::{self, Ballast};
use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::cgroup;
use crate::sys::process::Handle;
use crate::sys::worker::{Leash, Task, Undo, WORK_NAME, Worker};
use crate::values::Checked;
use serde_json::Value;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;

/// The effect.
pub static EFFECT: &dyn Effect = &MemoryLoad;

const MIB: f64 = 1024.0 * 1024.0;
/// The share of what was asked beyond which it is another load than the one asked for.
const OFF: f64 = 0.1;

struct MemoryLoad;

struct Held {
    ballast: Ballast,
    worker: Worker,
}

impl Effect for MemoryLoad {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        Handle::open(injection.target.process)?;
        let ballast = Ballast::of(values);
        let available = take::available().unwrap_or(u64::MAX);
        if available < ballast.size.saturating_add(ballast.reserve) {
            let mib = |bytes: u64| bytes >> 20;
            let text = format!(
                "the host has {} MiB to give; {} MiB and a reserve of {} MiB are asked",
                mib(available),
                mib(ballast.size),
                mib(ballast.reserve)
            );
            return Err(EffectError::InTheWay(text));
        }
        Ok(Undo::of(injection).value())
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let groups = cgroup::groups(receipt.process.pid)?;
        // Read, then checked: a reused pid cannot have given its groups.
        Handle::open(receipt.process)?;
        let ballast = Ballast::of(values);
        let (token, fault) = (Undo::read(receipt)?.token, FAULT.describe().name);
        // Where memory runs out the kernel shall take the worker, not the target.
        let task = Task { token, fault, words: ballast.words(), oom_score: 1000 };
        Ok(Box::new(Held { ballast, worker: Worker::start(&task, &groups, lease)? }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        Undo::read(receipt)?.end()
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        Ok(Undo::read(receipt)?.residue())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        Undo::read(receipt).map_or_else(|_| "squall undo".to_owned(), |undo| undo.advice())
    }
    fn work(&self, words: &[String], leash: &Leash) -> Result<(), String> {
        let ballast = Ballast::parse(words).ok_or("its size is not readable")?;
        ballast.take(|| !leash.ended(), take::hold);
        Ok(())
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let wanted = self.ballast.wanted(self.worker.age_ns());
        let asked = wanted as f64 / MIB;
        // What is just being taken is not all there yet.
        let most = (asked * OFF).max(2.0 * self.ballast.step as f64 / MIB);
        let tolerance = Some(most);
        if self.worker.gone().is_some() {
            let detail = "the worker was killed: the target's cgroup has no memory left for it";
            let (asked, delivered, detail) = (Some(asked), Some(0.0), detail.to_owned());
            return Ok(Bite { seen: 1, asked, delivered, tolerance, detail, ..Bite::default() });
        }
        let delivered = take::held(self.worker.pid()) as f64 / MIB;
        let mut detail = format!("asked {asked:.0} MiB, {delivered:.0} MiB held");
        if asked - delivered > most {
            detail += ": the host's reserve allows no more";
        }
        let hits = u64::from(delivered >= 1.0);
        Ok(Bite {
            hits,
            seen: 1,
            asked: Some(asked),
            delivered: Some(delivered),
            tolerance,
            detail,
        })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.worker.extend(lease)
    }

    fn mechanism(&self) -> String {
        format!("{WORK_NAME} in {}", self.worker.groups())
    }
}
