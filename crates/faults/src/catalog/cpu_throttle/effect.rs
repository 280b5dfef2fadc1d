//! A quota on the target's cgroup; how often it was reached says whether it bit.

use crate::effect::{Effect, EffectError, Holder, LeaseEnd, Mechanism};
use crate::sys::clock;
use crate::sys::place::{Controller, LimitFault, Place};
use crate::values::Checked;
use squall_wire::injection::Bite;

/// The effect.
pub static EFFECT: &dyn Effect = &LIMIT;

const QUOTA: &str = "cpu.cfs_quota_us";
const PERIOD: &str = "cpu.cfs_period_us";
const MAX: &str = "cpu.max";
/// The kernel refuses a smaller quota.
const QUOTA_US_MIN: u64 = 1_000;

static CONTROLLER: Controller = Controller { name: "cpu", v1: &[PERIOD, QUOTA], v2: &[MAX] };

const MECHANISMS: &[Mechanism] = &[
    Mechanism {
        name: "cgroup v1 cpu.cfs_quota_us",
        death: Controller::DEATH,
        trial: || CONTROLLER.trial(false),
    },
    Mechanism {
        name: "cgroup v2 cpu.max",
        death: Controller::DEATH,
        trial: || CONTROLLER.trial(true),
    },
];

static LIMIT: LimitFault = LimitFault { controller: &CONTROLLER, mechanisms: MECHANISMS, limit };

struct Held {
    place: Place,
    quota: Quota,
    since_ns: u64,
    before: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Quota {
    quota_us: u64,
    period_us: u64,
}

#[derive(Clone, Copy)]
struct Counts {
    periods: u64,
    throttled: u64,
}

impl Quota {
    fn of(values: &Checked) -> Quota {
        let cores = u32::try_from(values.integer("cores")).unwrap_or(1);
        let period_us = u64::try_from(values.duration("period").as_micros()).unwrap_or(100_000);
        let quota = values.share("percent") * f64::from(cores) * period_us as f64;
        Quota { quota_us: (quota.round() as u64).max(QUOTA_US_MIN), period_us }
    }

    fn percent(self) -> f64 {
        self.quota_us as f64 / self.period_us as f64 * 100.0
    }
}

fn limit(place: Place, values: &Checked) -> Result<Box<dyn Holder>, EffectError> {
    let quota = Quota::of(values);
    if place.v2 {
        place.set(MAX, &format!("{} {}", quota.quota_us, quota.period_us))?;
    } else {
        // A quota must fit its period at every moment, so none is set while that changes.
        place.set(QUOTA, "-1")?;
        place.set(PERIOD, &quota.period_us.to_string())?;
        place.set(QUOTA, &quota.quota_us.to_string())?;
    }
    let before = counts(&place);
    Ok(Box::new(Held { place, quota, since_ns: clock::monotonic_ns(), before }))
}

fn counts(place: &Place) -> Counts {
    let number = |word: &str| place.counter("cpu.stat", word).unwrap_or(0);
    Counts { periods: number("nr_periods"), throttled: number("nr_throttled") }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let now = counts(&self.place);
        // Periods in which nobody of the group ran are not counted by the kernel.
        let seen = now.periods.saturating_sub(self.before.periods);
        let hits = now.throttled.saturating_sub(self.before.throttled).min(seen);
        let percent = self.quota.percent();
        let detail = if hits == 0 {
            let age_s = (clock::monotonic_ns() - self.since_ns) / 1_000_000_000;
            format!("never reached {percent:.1}% of a core in {age_s} s")
        } else {
            format!("throttled in {hits} of {seen} periods with work, at {percent:.1}% of a core")
        };
        Ok(Bite { hits, seen, detail, ..Bite::default() })
    }

    fn extend(&mut self, _lease: LeaseEnd) -> Result<(), EffectError> {
        // The kernel holds no deadline for a limit; the watchdog does.
        Ok(())
    }

    fn mechanism(&self) -> String {
        let Quota { quota_us, period_us } = self.quota;
        format!("{quota_us} of {period_us} µs, {}", self.place.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_share_of_cores() {
        let quota = Quota { quota_us: 50_000, period_us: 100_000 };
        assert_eq!(quota.percent(), 50.0);
    }
}
