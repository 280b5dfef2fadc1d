//! Burns a share of a core on its own CPU clock: what the core did not give is made up for.

use crate::sys::clock;
use crate::sys::worker::Leash;
use rustix::time::ClockId;
use std::thread;
use std::time::Duration;

/// What is said of a load that fell short.
pub(crate) const NO_MORE_CPU: &str = ": the host or the target's quota had no more CPU to give";

/// One round of burning; short, so that the load is even and a full core stays responsive.
const SLICE_NS: u64 = 200_000;
/// The longest sleep between two rounds.
const SLEEP_NS_MAX: u64 = 5_000_000;
/// What could not be burned because the core was busy is caught up only this far.
const DEBT_NS_MAX: u64 = 100_000_000;

/// Burns until the lease ends. The share is wanted in full once `ramp` is over, and grows evenly
/// until then.
pub(crate) fn burn(share: f64, ramp: Duration, leash: &Leash) {
    let (wall, own) = (clock::monotonic_ns(), own_ns());
    // Moves forward by what was missed for good.
    let mut forgiven_ns = 0;
    while !leash.ended() {
        let elapsed_ns = clock::monotonic_ns() - wall;
        let wanted_ns = (mean(share, ramp, elapsed_ns) * elapsed_ns as f64) as u64;
        let wanted_ns = wanted_ns.saturating_sub(forgiven_ns);
        let burned_ns = own_ns() - own;
        if burned_ns < wanted_ns {
            forgiven_ns += (wanted_ns - burned_ns).saturating_sub(DEBT_NS_MAX);
            spin(SLICE_NS);
        } else {
            let ahead_ns = (burned_ns - wanted_ns) as f64 / share;
            let sleep_ns = (ahead_ns as u64).clamp(SLICE_NS, SLEEP_NS_MAX);
            thread::sleep(Duration::from_nanos(sleep_ns));
        }
    }
}

/// Burns a share of a core for so long.
pub(crate) fn burn_for(share: f64, length: Duration, leash: &Leash) {
    let (wall, own) = (clock::monotonic_ns(), own_ns());
    let length_ns = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
    while !leash.ended() {
        let elapsed_ns = clock::monotonic_ns() - wall;
        let left_ns = length_ns.saturating_sub(elapsed_ns);
        if left_ns == 0 {
            return;
        }
        if ((own_ns() - own) as f64) < elapsed_ns as f64 * share {
            spin(SLICE_NS.min(left_ns));
        } else {
            thread::sleep(Duration::from_nanos(SLICE_NS.min(left_ns)));
        }
    }
}

/// The mean share over the time that passed.
pub(crate) fn mean(share: f64, ramp: Duration, elapsed_ns: u64) -> f64 {
    let (ramp, elapsed) = (ramp.as_nanos() as f64, elapsed_ns as f64);
    if elapsed < ramp { share * elapsed / ramp / 2.0 } else { share * (1.0 - ramp / elapsed / 2.0) }
}

/// Burns so much of this thread's CPU time.
pub(crate) fn spin(length_ns: u64) {
    let end = own_ns() + length_ns;
    let mut number = end | 1;
    while own_ns() < end {
        for _ in 0..1_000 {
            number = number.wrapping_mul(0x5851_f42d_4c95_7f2d).rotate_left(17);
        }
        std::hint::black_box(number);
    }
}

/// The CPU time of this thread.
pub(crate) fn own_ns() -> u64 {
    clock::read(ClockId::ThreadCPUTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_burned_not_more() {
        let (wall, own) = (clock::monotonic_ns(), own_ns());
        spin(3_000_000);
        let burned = own_ns() - own;
        assert!((3_000_000..10_000_000).contains(&burned), "{burned}");
        assert!(clock::monotonic_ns() - wall >= 3_000_000 - 1_000_000);
    }

    #[test]
    fn a_ramp_wants_half_of_it_on_the_way() {
        let second = Duration::from_secs(1);
        assert_eq!(mean(0.8, Duration::ZERO, 5), 0.8);
        assert_eq!(mean(0.8, second, 0), 0.0);
        assert_eq!(mean(0.8, second, 500_000_000), 0.2);
        assert_eq!(mean(0.8, second, 1_000_000_000), 0.4);
        assert!((mean(0.8, second, 2_000_000_000) - 0.6).abs() < 1e-9);
    }
}
