//! Starts a worker in the target's cgroups that reads and writes at a rate.

use super::FAULT;
use super::load::{self, Rates};
use crate::effect::{Effect, EffectError};
use crate::sys::unnamed;
use crate::sys::worker::job::{Dose, Measured, Works};
use crate::sys::worker::{Leash, Worker};
use crate::values::Checked;
use squall_wire::identity::ProcessIdentity;

/// The effect.
pub static EFFECT: &dyn Effect = &Works::<Burn>::NEW;

const MIB: u64 = 1 << 20;

/// What the worker does.
#[derive(Debug, Clone)]
struct Burn {
    /// Whose view of the file systems it is.
    pid: u32,
    path: String,
    rates: Rates,
}

impl Dose for Burn {
    fn fault() -> &'static str {
        FAULT.describe().name
    }

    fn check(target: ProcessIdentity, values: &Checked) -> Result<(), EffectError> {
        let path = values.text("path").unwrap_or_default();
        let room = unnamed::room(target, path)?;
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        if free < 2 * load::FILE_BYTES {
            let text = format!("{path} has {} MiB free, too few for the worker's file", free / MIB);
            return Err(EffectError::InTheWay(text));
        }
        Ok(())
    }

    fn of(target: ProcessIdentity, values: &Checked) -> Burn {
        let path = values.text("path").unwrap_or_default().to_owned();
        Burn { pid: target.pid, path, rates: Rates::of(values) }
    }

    fn words(&self) -> Vec<String> {
        [vec![self.pid.to_string(), self.path.clone()], self.rates.words()].concat()
    }

    fn parse(words: &[String]) -> Option<Burn> {
        let [pid, path, rates @ ..] = words else { return None };
        let (pid, path) = (pid.parse().ok()?, path.clone());
        Some(Burn { pid, path, rates: Rates::parse(rates)? })
    }

    fn work(self, leash: &Leash) -> Result<(), String> {
        let Burn { pid, path, rates } = self;
        load::run(pid, &path, rates, leash).map_err(|error| format!("{path}: {error}"))
    }

    fn asked(&self, _worker: &Worker) -> (f64, Option<f64>) {
        ((self.rates.read + self.rates.write) as f64 / MIB as f64, None)
    }

    fn measure(&self, worker: &Worker, asked: f64) -> Measured {
        // The file is made first; the rates count from then on.
        let since_us = worker.counter(load::AGE_US).max(1);
        let rate = |name: &str| worker.counter(name) as f64 / MIB as f64 / (since_us as f64 / 1e6);
        let (read, written) = (rate(load::READ), rate(load::WRITTEN));
        let delivered = read + written;
        let path = &self.path;
        let mut detail =
            format!("asked {asked:.1} MiB/s on {path}, {read:.1} read and {written:.1} written");
        if delivered < asked * 0.8 {
            detail += ": the disk or the target's cgroup gives no more";
        }
        Measured { hits: u64::from(delivered > 0.0), seen: 1, delivered, detail }
    }

    fn place(&self) -> String {
        format!(" on {}", self.path)
    }
}
