//! Starts a worker in the target's cgroups that burns, and compares what it burned with what was
//! asked.

use super::FAULT;
use super::burn::{burn, mean};
use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::process::Handle;
use crate::sys::worker::{Leash, Task, Undo, WORK_NAME, Worker};
use crate::sys::{cgroup, clock};
use crate::values::Checked;
use serde_json::Value;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &CpuLoad;

/// What is not made up for by the next rounds, in points of a core.
const CLOSE: f64 = 1.0;
/// So far off, in points of a core, it is another load than the one asked for.
const OFF: f64 = 5.0;

struct CpuLoad;

/// What the worker does.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Load {
    /// The share of each core, 0 to 1.
    share: f64,
    /// How many threads burn.
    cores: u32,
    /// How long it takes until the share is reached.
    ramp: Duration,
}

struct Held {
    load: Load,
    worker: Worker,
}

impl Load {
    fn of(values: &Checked) -> Load {
        Load {
            share: values.share("percent"),
            cores: u32::try_from(values.integer("cores")).unwrap_or(1),
            ramp: values.duration("ramp"),
        }
    }

    fn words(self) -> Vec<String> {
        let ramp_ns = self.ramp.as_nanos();
        vec![self.share.to_string(), self.cores.to_string(), ramp_ns.to_string()]
    }

    fn parse(words: &[String]) -> Option<Load> {
        let [share, cores, ramp_ns] = words else { return None };
        let (share, cores): (f64, u32) = (share.parse().ok()?, cores.parse().ok()?);
        let ramp = Duration::from_nanos(ramp_ns.parse().ok()?);
        (share > 0.0 && share <= 1.0 && cores > 0).then_some(Load { share, cores, ramp })
    }
}

impl Effect for CpuLoad {
    fn prepare(&self, injection: &Injection, _values: &Checked) -> Result<Value, EffectError> {
        Handle::open(injection.target.process)?;
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
        let load = Load::of(values);
        let token = Undo::read(receipt)?.token;
        let fault = FAULT.describe().name;
        // Where memory runs out the kernel shall take the worker, not the target.
        let task = Task { token, fault, words: load.words(), oom_score: 1000 };
        Ok(Box::new(Held { load, worker: Worker::start(&task, &groups, lease)? }))
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
        let load = Load::parse(words).ok_or("its load is not readable")?;
        for _ in 0..load.cores {
            let leash = leash.clone();
            std::thread::spawn(move || burn(load.share, load.ramp, &leash));
        }
        Ok(())
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let Load { share, cores, ramp } = self.load;
        let age_ns = self.worker.age_ns();
        let asked = mean(share, ramp, age_ns) * 100.0 * f64::from(cores);
        let tolerance = Some(OFF * f64::from(cores));
        if let Some(detail) = self.worker.gone() {
            let (asked, delivered) = (Some(asked), Some(0.0));
            return Ok(Bite { seen: 1, asked, delivered, tolerance, detail, ..Bite::default() });
        }
        let used_ns = clock::process_cpu_ns(self.worker.pid()).unwrap_or(0);
        let delivered = used_ns as f64 / age_ns as f64 * 100.0;
        let mut detail = format!("asked {asked:.1}%, got {delivered:.1}%");
        if asked - delivered > CLOSE {
            detail += ": the host or the target's quota had no more CPU to give";
        }
        Ok(Bite {
            hits: u64::from(used_ns > 0),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_reads_back_and_nonsense_is_none() {
        let load = Load { share: 0.25, cores: 3, ramp: Duration::from_millis(1500) };
        assert_eq!(Load::parse(&load.words()), Some(load));
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for bad in ["0 1 0", "1.5 1 0", "0.5 0 0", "NaN 1 0", "0.5 1", "", "0.5 1 x"] {
            assert_eq!(Load::parse(&words(bad)), None, "{bad}");
        }
    }
}
