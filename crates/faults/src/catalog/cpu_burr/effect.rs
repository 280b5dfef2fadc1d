//! Starts a worker in the target's cgroups that burns in bursts.

use super::FAULT;
use crate::catalog::cpu_load::burn::burn_for;
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
pub static EFFECT: &dyn Effect = &CpuBurr;

/// What the next burst makes up for, in points of a core; and the share of what was asked beyond
/// which it is another load than the one asked for.
const CLOSE: f64 = 1.0;
const OFF: f64 = 0.2;

struct CpuBurr;

/// What the worker does.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bursts {
    share: f64,
    cores: u32,
    duration: Duration,
    period: Duration,
}

struct Held {
    bursts: Bursts,
    worker: Worker,
}

impl Bursts {
    fn of(values: &Checked) -> Bursts {
        Bursts {
            share: values.share("percent"),
            cores: u32::try_from(values.integer("cores")).unwrap_or(1),
            duration: values.duration("duration"),
            period: values.duration("period"),
        }
    }

    fn words(self) -> Vec<String> {
        let [duration, period] = [self.duration, self.period].map(|d| d.as_nanos().to_string());
        vec![self.share.to_string(), self.cores.to_string(), duration, period]
    }

    fn parse(words: &[String]) -> Option<Bursts> {
        let [share, cores, duration, period] = words else { return None };
        let (share, cores): (f64, u32) = (share.parse().ok()?, cores.parse().ok()?);
        let duration = Duration::from_nanos(duration.parse().ok()?);
        let period = Duration::from_nanos(period.parse().ok()?);
        let sound = share > 0.0 && share <= 1.0 && cores > 0 && duration < period;
        (sound && !duration.is_zero()).then_some(Bursts { share, cores, duration, period })
    }

    /// The CPU time of one core that is wanted until now, in nanoseconds.
    fn wanted_ns(self, age_ns: u64) -> f64 {
        let (age, period) = (u128::from(age_ns), self.period.as_nanos());
        let whole = (age / period) * self.duration.as_nanos();
        let begun = (age % period).min(self.duration.as_nanos());
        (whole + begun) as f64 * self.share
    }

    fn count(self, age_ns: u64) -> u64 {
        u64::try_from(u128::from(age_ns) / self.period.as_nanos() + 1).unwrap_or(u64::MAX)
    }
}

impl Effect for CpuBurr {
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
        let bursts = Bursts::of(values);
        let (token, fault) = (Undo::read(receipt)?.token, FAULT.describe().name);
        let task = Task { token, fault, words: bursts.words(), oom_score: 1000 };
        Ok(Box::new(Held { bursts, worker: Worker::start(&task, &groups, lease)? }))
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
        let bursts = Bursts::parse(words).ok_or("its bursts are not readable")?;
        for _ in 0..bursts.cores {
            let leash = leash.clone();
            std::thread::spawn(move || {
                let mut next_ns = clock::monotonic_ns();
                while !leash.ended() {
                    burn_for(bursts.share, bursts.duration, &leash);
                    next_ns += u64::try_from(bursts.period.as_nanos()).unwrap_or(u64::MAX / 2);
                    let wait_ns = next_ns.saturating_sub(clock::monotonic_ns());
                    std::thread::sleep(Duration::from_nanos(wait_ns));
                }
            });
        }
        Ok(())
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let (bursts, age_ns) = (self.bursts, self.worker.age_ns());
        let points = |cpu_ns: f64| cpu_ns / age_ns as f64 * 100.0;
        let asked = points(bursts.wanted_ns(age_ns)) * f64::from(bursts.cores);
        let most = (asked * OFF).max(CLOSE * f64::from(bursts.cores));
        let tolerance = Some(most);
        if let Some(detail) = self.worker.gone() {
            let (asked, delivered) = (Some(asked), Some(0.0));
            return Ok(Bite { seen: 1, asked, delivered, tolerance, detail, ..Bite::default() });
        }
        let used_ns = clock::process_cpu_ns(self.worker.pid()).unwrap_or(0);
        let delivered = points(used_ns as f64);
        let count = bursts.count(age_ns);
        let mut detail =
            format!("{count} bursts; asked {asked:.1}% on average, got {delivered:.1}%");
        if asked - delivered > most {
            detail += ": the host or the target's quota had no more CPU to give";
        }
        let hits = if used_ns > 0 { count } else { 0 };
        Ok(Bite {
            hits,
            seen: count,
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

    fn bursts() -> Bursts {
        let [duration, period] = [200, 1_000].map(Duration::from_millis);
        Bursts { share: 0.5, cores: 2, duration, period }
    }

    #[test]
    fn bursts_read_back_and_nonsense_is_none() {
        assert_eq!(Bursts::parse(&bursts().words()), Some(bursts()));
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for bad in ["0 1 5 9", "0.5 0 5 9", "0.5 1 9 9", "0.5 1 0 9", "0.5 1 5", ""] {
            assert_eq!(Bursts::parse(&words(bad)), None, "{bad}");
        }
    }

    #[test]
    fn what_is_wanted_grows_only_during_bursts() {
        let wanted_ms = |age_ms: u64| bursts().wanted_ns(age_ms * 1_000_000) / 1e6;
        assert_eq!(
            [0, 100, 200, 900, 1_000, 1_100, 2_500].map(wanted_ms),
            [0.0, 50.0, 100.0, 100.0, 100.0, 150.0, 300.0]
        );
    }
}
