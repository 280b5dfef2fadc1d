//! Starts a worker in the target's cgroups that takes memory and keeps it.

use super::FAULT;
use super::take::{self, Ballast};
use crate::effect::{Effect, EffectError};
use crate::sys::process::Handle;
use crate::sys::worker::job::{Dose, Measured, Works};
use crate::sys::worker::{Leash, Worker};
use crate::values::Checked;
use squall_wire::identity::ProcessIdentity;

/// The effect.
pub static EFFECT: &dyn Effect = &Works::<Ballast>::NEW;

const MIB: f64 = 1024.0 * 1024.0;
/// The share of what was asked beyond which it is another load than the one asked for.
const OFF: f64 = 0.1;

impl Dose for Ballast {
    fn fault() -> &'static str {
        FAULT.describe().name
    }

    fn check(target: ProcessIdentity, values: &Checked) -> Result<(), EffectError> {
        Handle::open(target)?;
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
        Ok(())
    }

    fn of(_target: ProcessIdentity, values: &Checked) -> Ballast {
        Ballast::of(values)
    }

    fn words(&self) -> Vec<String> {
        Ballast::words(*self)
    }

    fn parse(words: &[String]) -> Option<Ballast> {
        Ballast::parse(words)
    }

    fn work(self, leash: &Leash) -> Result<(), String> {
        self.take(|| !leash.ended(), take::hold);
        Ok(())
    }

    fn asked(&self, worker: &Worker) -> (f64, Option<f64>) {
        let asked = self.wanted(worker.age_ns()) as f64 / MIB;
        (asked, Some(off(self, asked)))
    }

    fn measure(&self, worker: &Worker, asked: f64) -> Measured {
        let delivered = take::held(worker.pid()) as f64 / MIB;
        let mut detail = format!("asked {asked:.0} MiB, {delivered:.0} MiB held");
        if asked - delivered > off(self, asked) {
            detail += ": the host's reserve allows no more";
        }
        Measured { hits: u64::from(delivered >= 1.0), seen: 1, delivered, detail }
    }

    fn gone(&self, _said: String) -> String {
        "the worker was killed: the target's cgroup has no memory left for it".to_owned()
    }
}

/// What is just being taken is not all there yet.
fn off(ballast: &Ballast, asked: f64) -> f64 {
    (asked * OFF).max(2.0 * ballast.step as f64 / MIB)
}
