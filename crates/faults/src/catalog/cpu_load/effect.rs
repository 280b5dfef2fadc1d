//! Starts a worker in the target's cgroups that burns, and compares what it burned with what was
//! asked.

use super::FAULT;
use super::burn::{NO_MORE_CPU, burn, mean};
use crate::effect::Effect;
use crate::sys::worker::job::{Dose, Measured, Works};
use crate::sys::worker::{Leash, Worker};
use crate::values::Checked;
use squall_wire::identity::ProcessIdentity;
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &Works::<Load>::NEW;

/// What is not made up for by the next rounds, in points of a core.
const CLOSE: f64 = 1.0;
/// So far off, in points of a core, it is another load than the one asked for.
const OFF: f64 = 5.0;

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

impl Dose for Load {
    fn fault() -> &'static str {
        FAULT.describe().name
    }

    fn of(_target: ProcessIdentity, values: &Checked) -> Load {
        Load {
            share: values.share("percent"),
            cores: u32::try_from(values.integer("cores")).unwrap_or(1),
            ramp: values.duration("ramp"),
        }
    }

    fn words(&self) -> Vec<String> {
        let ramp_ns = self.ramp.as_nanos();
        vec![self.share.to_string(), self.cores.to_string(), ramp_ns.to_string()]
    }

    fn parse(words: &[String]) -> Option<Load> {
        let [share, cores, ramp_ns] = words else { return None };
        let (share, cores): (f64, u32) = (share.parse().ok()?, cores.parse().ok()?);
        let ramp = Duration::from_nanos(ramp_ns.parse().ok()?);
        (share > 0.0 && share <= 1.0 && cores > 0).then_some(Load { share, cores, ramp })
    }

    fn work(self, leash: &Leash) -> Result<(), String> {
        for _ in 0..self.cores {
            let leash = leash.clone();
            std::thread::spawn(move || burn(self.share, self.ramp, &leash));
        }
        Ok(())
    }

    fn asked(&self, worker: &Worker) -> (f64, Option<f64>) {
        let cores = f64::from(self.cores);
        let asked = mean(self.share, self.ramp, worker.age_ns()) * 100.0 * cores;
        (asked, Some(OFF * cores))
    }

    fn measure(&self, worker: &Worker, asked: f64) -> Measured {
        let used_ns = worker.cpu_ns();
        let delivered = used_ns as f64 / worker.age_ns() as f64 * 100.0;
        let mut detail = format!("asked {asked:.1}%, got {delivered:.1}%");
        if asked - delivered > CLOSE {
            detail += NO_MORE_CPU;
        }
        Measured { hits: u64::from(used_ns > 0), seen: 1, delivered, detail }
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
