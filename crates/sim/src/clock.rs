//! Owns the host's clocks. The queue counts the time during which the host is awake; boot time
//! counts its sleep, too, and both drift against the queue. The wall clock is set at will.

/// What the host's clocks show when a simulation begins: it was up for a while already.
const UP_NS: u64 = 1_000_000_000_000;

/// The clocks of one host.
#[derive(Debug, Clone)]
pub(crate) struct Clocks {
    booted_ns: u64,
    up_ns: u64,
    slept_ns: u64,
    /// Parts in a million by which the host's second is longer (or shorter) than the queue's.
    pub(crate) drift_ppm: i64,
    /// What the wall clock shows more than the monotonic one.
    pub(crate) wall_ns: u64,
    /// When the host woke up last.
    pub(crate) woke_ns: u64,
}

impl Clocks {
    pub(crate) fn new(drift_ppm: i64) -> Clocks {
        let wall_ns = 1_790_000_000_000_000_000;
        Clocks { booted_ns: 0, up_ns: UP_NS, slept_ns: 0, drift_ppm, wall_ns, woke_ns: 0 }
    }

    /// `CLOCK_MONOTONIC`: stands still while the host sleeps.
    pub(crate) fn monotonic_ns(&self, now_ns: u64) -> u64 {
        self.up_ns + drifted(now_ns.saturating_sub(self.booted_ns), self.drift_ppm)
    }

    /// `CLOCK_BOOTTIME`.
    pub(crate) fn boottime_ns(&self, now_ns: u64) -> u64 {
        self.monotonic_ns(now_ns) + self.slept_ns
    }

    /// `CLOCK_REALTIME`.
    pub(crate) fn wall_ns(&self, now_ns: u64) -> u64 {
        self.monotonic_ns(now_ns) + self.wall_ns
    }

    /// How long the queue waits for what the host waits so long for.
    pub(crate) fn queue_ns(&self, host_ns: u64) -> u64 {
        drifted(host_ns, -self.drift_ppm).max(1)
    }

    pub(crate) fn sleep(&mut self, now_ns: u64, long_ns: u64) {
        self.slept_ns += long_ns;
        self.wall_ns += long_ns;
        self.woke_ns = now_ns;
    }

    pub(crate) fn boot(&mut self, now_ns: u64) {
        (self.booted_ns, self.up_ns, self.slept_ns) = (now_ns, 0, 0);
    }
}

/// A length of time as a clock that drifts counts it.
pub(crate) fn drifted(ns: u64, ppm: i64) -> u64 {
    let more = i128::from(ns) * i128::from(ppm) / 1_000_000;
    u64::try_from(i128::from(ns) + more).unwrap_or(0)
}
