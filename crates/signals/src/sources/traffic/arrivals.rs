//! Owns when requests are due: evenly spaced, phase after phase. Reads no clock.

use std::time::Duration;

use squall_spec::Traffic;

/// The moments requests are due, from the start on, without end.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    phases: std::vec::IntoIter<Phase>,
    phase: Phase,
    /// When this phase began.
    began_s: f64,
    /// How many arrivals of this phase have been given out.
    given: u64,
    /// What part of an interval the first arrival comes late.
    lag: f64,
}

#[derive(Debug, Clone, Copy)]
struct Phase {
    interval_s: f64,
    lasts_s: f64,
}

impl Arrivals {
    /// Plans the arrivals; the seed shifts all of them by a part of an interval, so that they do
    /// not beat in step with whatever else happens on full seconds.
    pub(super) fn new(spec: &Traffic, seed: u64) -> Arrivals {
        let phase = |per_second: f64, lasts_s| Phase { interval_s: 1.0 / per_second, lasts_s };
        let mut phases: Vec<Phase> = spec
            .phases
            .iter()
            .map(|one| phase(one.rate.per_second(), one.lasts.as_secs_f64()))
            .collect();
        phases.push(phase(spec.rate.per_second(), f64::INFINITY));
        let mut phases = phases.into_iter();
        let first = phases.next().expect("invariant: the lasting phase was pushed above");
        // The upper half of a multiplied seed is as good as a draw for one number.
        let mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let lag = mixed as f64 / 2_f64.powi(32);
        Arrivals { phases, phase: first, began_s: 0.0, given: 0, lag }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        loop {
            // Multiplied, not added up: a day of additions would drift.
            let into_s = (self.given as f64 + self.lag) * self.phase.interval_s;
            if into_s < self.phase.lasts_s {
                self.given += 1;
                return Some(Duration::from_secs_f64(self.began_s + into_s));
            }
            self.began_s += self.phase.lasts_s;
            self.given = 0;
            self.phase = self.phases.next()?;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use squall_spec::{Rate, Spanned, TrafficPhase};

    use super::super::tests::spec;
    use super::*;

    fn phase(per_second: u32, secs: u64) -> TrafficPhase {
        TrafficPhase {
            rate: Spanned::default_value(Rate::per_sec(per_second)),
            lasts: Spanned::default_value(squall_spec::Duration::from_secs(secs)),
        }
    }

    fn ms(arrivals: Arrivals, count: usize) -> Vec<u128> {
        arrivals.take(count).map(|at| at.as_millis()).collect()
    }

    #[test]
    fn phases_follow_one_another_and_the_rate_lasts() {
        let mut spec = spec("http://a/", 10);
        spec.phases = vec![phase(2, 1), phase(4, 1)];
        let due = ms(Arrivals::new(&spec, 0), 9);
        assert_eq!(due, [0, 500, 1000, 1250, 1500, 1750, 2000, 2100, 2200]);
    }

    #[test]
    fn the_seed_shifts_everything_by_less_than_an_interval() {
        let spec = spec("http://a/", 10);
        let due = ms(Arrivals::new(&spec, 1), 3);
        assert_eq!(due, ms(Arrivals::new(&spec, 1), 3));
        assert_ne!(due, ms(Arrivals::new(&spec, 2), 3));
        assert!(due[0] < 100 && (99..=101).contains(&(due[2] - due[1])), "{due:?}");
    }

    #[test]
    fn a_day_of_arrivals_does_not_drift() {
        let spec = spec("http://a/", 30);
        let last = Arrivals::new(&spec, 0).nth(30 * 86_400).unwrap();
        assert_eq!(last.as_millis(), 86_400_000);
    }
}
