//! The lease machine: who may keep a fault, and until when. Pure; time is an argument.
//!
//! Agent and SDK hold one [`Lease`] per injection. A lease only ever moves forward by a renewal
//! that arrives before its deadline; a late renewal is refused, because the fault may already be
//! on its way out. The cap cannot be moved by anyone.

use serde::{Deserialize, Serialize};

/// The longest lease an agent grants, in nanoseconds: a lost controller is noticed within it.
pub const LEASE_NS_MAX: u64 = 60 * 1_000_000_000;
/// The shortest lease: below it a scheduler hiccup on a busy host would end healthy faults.
pub const LEASE_NS_MIN: u64 = 50 * 1_000_000;
/// The longest a fault may live in all, however often it is renewed.
pub const CAP_NS_MAX: u64 = 24 * 3600 * 1_000_000_000;

/// A span of time on the `CLOCK_BOOTTIME` axis during which a fault may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    ttl_ns: u64,
    deadline_ns: u64,
    cap_ns: u64,
}

/// Why a lease was not granted or not renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// The time asked for is outside what an agent grants.
    #[error("lease of {asked_ms} ms is outside {min_ms} to {max_ms} ms")]
    OutOfRange {
        /// What was asked.
        asked_ms: u64,
        /// The least granted.
        min_ms: u64,
        /// The most granted.
        max_ms: u64,
    },
    /// The renewal came at or after the deadline.
    #[error("lease ended {late_ms} ms before the renewal came")]
    Ended {
        /// How late it was.
        late_ms: u64,
    },
}

impl Lease {
    /// Grants a lease that starts at `now_ns`.
    pub fn grant(now_ns: u64, ttl_ns: u64, cap_ns: u64) -> Result<Lease, LeaseError> {
        let range = |asked: u64, min: u64, max: u64| {
            if (min..=max).contains(&asked) {
                return Ok(());
            }
            let ms = 1_000_000;
            Err(LeaseError::OutOfRange { asked_ms: asked / ms, min_ms: min / ms, max_ms: max / ms })
        };
        range(ttl_ns, LEASE_NS_MIN, LEASE_NS_MAX)?;
        range(cap_ns, 1, CAP_NS_MAX)?;
        let cap_ns = now_ns.saturating_add(cap_ns);
        let deadline_ns = now_ns.saturating_add(ttl_ns).min(cap_ns);
        Ok(Lease { ttl_ns, deadline_ns, cap_ns })
    }

    /// Moves the deadline to one lease after `now_ns`, never past the cap and never backwards.
    pub fn renew(&mut self, now_ns: u64) -> Result<(), LeaseError> {
        if self.ended(now_ns) {
            return Err(LeaseError::Ended { late_ms: (now_ns - self.deadline_ns) / 1_000_000 });
        }
        let next = now_ns.saturating_add(self.ttl_ns).min(self.cap_ns);
        self.deadline_ns = next.max(self.deadline_ns);
        assert!(self.deadline_ns <= self.cap_ns, "a lease never outlives its cap");
        Ok(())
    }

    /// True from the deadline on.
    pub fn ended(&self, now_ns: u64) -> bool {
        now_ns >= self.deadline_ns
    }

    /// The moment it ends unless renewed.
    pub fn deadline_ns(&self) -> u64 {
        self.deadline_ns
    }

    /// The moment it ends whatever happens.
    pub fn cap_ns(&self) -> u64 {
        self.cap_ns
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_renewal_in_time_moves_the_deadline_and_a_late_one_is_refused() {
        let mut lease = Lease::grant(0, 5 * SECOND, 60 * SECOND).unwrap();
        lease.renew(4 * SECOND).unwrap();
        assert_eq!(lease.deadline_ns(), 9 * SECOND);
        assert_eq!(lease.renew(9 * SECOND), Err(LeaseError::Ended { late_ms: 0 }));
    }

    #[test]
    fn the_cap_wins() {
        let mut lease = Lease::grant(0, 5 * SECOND, 6 * SECOND).unwrap();
        lease.renew(4 * SECOND).unwrap();
        assert_eq!(lease.deadline_ns(), 6 * SECOND);
    }

    #[test]
    fn a_lease_out_of_range_is_refused() {
        assert!(Lease::grant(0, LEASE_NS_MAX + 1, SECOND).is_err());
        assert!(Lease::grant(0, 1, SECOND).is_err());
        assert!(Lease::grant(0, SECOND, 0).is_err());
    }

    proptest! {
        #[test]
        fn no_sequence_of_renewals_outlives_cap_or_revives(
            steps in proptest::collection::vec(0u64..10 * SECOND, 0..50),
            ttl in LEASE_NS_MIN..LEASE_NS_MAX,
            cap in 1u64..100 * SECOND,
        ) {
            let mut lease = Lease::grant(0, ttl, cap).unwrap();
            let (mut now, mut dead) = (0, false);
            for step in steps {
                now += step;
                dead |= lease.ended(now);
                prop_assert_eq!(lease.renew(now).is_err(), dead);
                prop_assert!(lease.deadline_ns() <= cap);
            }
        }
    }
}
