//! Starts a worker in the target's cgroups that reads and writes at a rate.

use super::FAULT;
use super::load::{self, Rates};
use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::cgroup;
use crate::sys::unnamed;
use crate::sys::worker::{Leash, Task, Undo, WORK_NAME, Worker};
use crate::values::Checked;
use serde_json::Value;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;

/// The effect.
pub static EFFECT: &dyn Effect = &DiskBurn;

const MIB: u64 = 1 << 20;

struct DiskBurn;

struct Held {
    path: String,
    rates: Rates,
    worker: Worker,
}

impl Effect for DiskBurn {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        let path = values.text("path").unwrap_or_default();
        let room = unnamed::room(injection.target.process, path)?;
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        if free < 2 * load::FILE_BYTES {
            let text = format!("{path} has {} MiB free, too few for the worker's file", free / MIB);
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
        let path = values.text("path").unwrap_or_default().to_owned();
        // Read, then checked: a reused pid cannot have given its groups.
        unnamed::room(receipt.process, &path)?;
        let rates = Rates::of(values);
        let words = [vec![receipt.process.pid.to_string(), path.clone()], rates.words()].concat();
        let (token, fault) = (Undo::read(receipt)?.token, FAULT.describe().name);
        let task = Task { token, fault, words, oom_score: 1000 };
        Ok(Box::new(Held { path, rates, worker: Worker::start(&task, &groups, lease)? }))
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
        let [pid, path, rates @ ..] = words else { return Err("no folder is named".to_owned()) };
        let pid: u32 = pid.parse().map_err(|_| "its target is not readable")?;
        let rates = Rates::parse(rates).ok_or("its rates are not readable")?;
        load::run(pid, path, rates, leash).map_err(|error| format!("{path}: {error}"))
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let asked = (self.rates.read + self.rates.write) as f64 / MIB as f64;
        if let Some(detail) = self.worker.gone() {
            let (asked, delivered) = (Some(asked), Some(0.0));
            return Ok(Bite { seen: 1, asked, delivered, detail, ..Bite::default() });
        }
        // The file is made first; the rates count from then on.
        let since_us = self.worker.counter(load::AGE_US).max(1);
        let rate =
            |name: &str| self.worker.counter(name) as f64 / MIB as f64 / (since_us as f64 / 1e6);
        let (read, written) = (rate(load::READ), rate(load::WRITTEN));
        let delivered = read + written;
        let mut detail = format!(
            "asked {asked:.1} MiB/s on {}, {read:.1} read and {written:.1} written",
            self.path
        );
        if delivered < asked * 0.8 {
            detail += ": the disk or the target's cgroup gives no more";
        }
        Ok(Bite {
            hits: u64::from(delivered > 0.0),
            seen: 1,
            asked: Some(asked),
            delivered: Some(delivered),
            detail,
            ..Bite::default()
        })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.worker.extend(lease)
    }

    fn mechanism(&self) -> String {
        format!("{WORK_NAME} on {} in {}", self.path, self.worker.groups())
    }
}
