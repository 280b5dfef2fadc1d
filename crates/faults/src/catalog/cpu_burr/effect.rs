//! Starts a worker in the target's cgroups that burns in bursts.

use super::FAULT;
use crate::catalog::cpu_load::burn::{NO_MORE_CPU, burn_for};
use crate::effect::Effect;
use crate::sys::clock;
use crate::sys::worker::job::{Dose, Measured, Works};
use crate::sys::worker::{Leash, Worker};
use crate::values::Checked;
use squall_wire::identity::ProcessIdentity;
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &Works::<Bursts>::NEW;

/// What the next burst makes up for, in points of a core; and the share of what was asked beyond
/// which it is another load than the one asked for.
const CLOSE: f64 = 1.0;
const OFF: f64 = 0.2;

/// What the worker does.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bursts {
    share: f64,
    cores: u32,
    duration: Duration,
    period: Duration,
}

impl Bursts {
    /// The CPU time of one core that is wanted until now, in nanoseconds.
    fn wanted_ns(self, age_ns: u64) -> f64 {
        let (age, period) = (u128::from(age_ns), self.period.as_nanos());
        let whole = (age / period) * self.duration.as_nanos();
        let begun = (age % period).min(self.duration.as_nanos());
        (whole + begun) as f64 * self.share
    }

    fn off(self, asked: f64) -> f64 {
        (asked * OFF).max(CLOSE * f64::from(self.cores))
    }

    fn count(self, age_ns: u64) -> u64 {
        u64::try_from(u128::from(age_ns) / self.period.as_nanos() + 1).unwrap_or(u64::MAX)
    }
}

impl Dose for Bursts {
    fn fault() -> &'static str {
        FAULT.describe().name
    }

    fn of(_target: ProcessIdentity, values: &Checked) -> Bursts {
        Bursts {
            share: values.share("percent"),
            cores: u32::try_from(values.integer("cores")).unwrap_or(1),
            duration: values.duration("duration"),
            period: values.duration("period"),
        }
    }

    fn words(&self) -> Vec<String> {
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

    fn work(self, leash: &Leash) -> Result<(), String> {
        for _ in 0..self.cores {
            let leash = leash.clone();
            std::thread::spawn(move || {
                let mut next_ns = clock::monotonic_ns();
                while !leash.ended() {
                    burn_for(self.share, self.duration, &leash);
                    next_ns += u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX / 2);
                    let wait_ns = next_ns.saturating_sub(clock::monotonic_ns());
                    std::thread::sleep(Duration::from_nanos(wait_ns));
                }
            });
        }
        Ok(())
    }

    fn asked(&self, worker: &Worker) -> (f64, Option<f64>) {
        let age_ns = worker.age_ns();
        let wanted = self.wanted_ns(age_ns) / age_ns as f64 * 100.0;
        let asked = wanted * f64::from(self.cores);
        (asked, Some(self.off(asked)))
    }

    fn measure(&self, worker: &Worker, asked: f64) -> Measured {
        let (age_ns, used_ns) = (worker.age_ns(), worker.cpu_ns());
        let delivered = used_ns as f64 / age_ns as f64 * 100.0;
        let seen = self.count(age_ns);
        let mut detail =
            format!("{seen} bursts; asked {asked:.1}% on average, got {delivered:.1}%");
        if asked - delivered > self.off(asked) {
            detail += NO_MORE_CPU;
        }
        let hits = if used_ns > 0 { seen } else { 0 };
        Measured { hits, seen, delivered, detail }
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
