//! Owns what can go wrong, and how much of it a seed asks for.

use rand::{RngExt, rngs::StdRng};

/// One millisecond.
pub(crate) const MS: u64 = 1_000_000;
/// One second.
pub(crate) const SECOND: u64 = 1_000 * MS;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    KillEngine,
    KillAgent,
    KillWatchdog,
    KillAgentAndWatchdog,
    /// The target ends; the next process may get its pid.
    KillTarget {
        reused: bool,
    },
    /// The power goes, and comes back so much later.
    PowerCut(u64),
    /// The host sleeps for so long.
    Sleep(u64),
    /// The wall clock is set to so much less.
    SetClock(u64),
    /// The connection breaks; both sides live.
    Cut,
    /// Nothing passes for so long, and nobody is told.
    Partition(u64),
    /// Messages are lost, doubled and overtaken for so long.
    BadNetwork(u64),
    /// Messages are slow for so long.
    SlowNetwork(u64),
    /// The process does nothing for so long.
    HangAgent(u64),
    HangEngine(u64),
    HangWatchdog(u64),
    /// A Ctrl-C.
    Signal,
    /// A person types `squall undo`.
    Undo,
    /// Somebody else arms faults on this host, more than they may.
    Rogue,
    /// The sources say nothing for so long.
    Silence(u64),
    /// The service fails for so long, fault or not.
    Outage(u64),
    /// No traffic reaches the target for so long: faults show no effect.
    NoTraffic(u64),
    DiskFull(u64),
    /// The disk says that it synced, and did not.
    DiskLies(u64),
    /// The disk cannot sync.
    DiskSick(u64),
    /// Writes take up to so long each, for five seconds.
    DiskSlow(u64),
    /// Steps of faults take up to so long each, for five seconds.
    StepsSlow(u64),
    /// So many undos in a row leave a residue.
    RevertFails(u32),
    /// So many faults are put in place by half and then fail.
    ApplyFails(u32),
    /// No agent can be started from now on.
    NoAgent,
    /// The watchdog is killed, and none can be started for so long.
    NoWatchdog(u64),
}

/// The troubles of a seed, with their times. One seed in ten has none.
pub(crate) fn troubles(rng: &mut StdRng, baseline_ns: u64, length_ns: u64) -> Vec<(u64, Trouble)> {
    let count = [0, 1, 1, 2, 2, 2, 3, 3, 4, 6][rng.random_range(0..10)];
    // Most come while there are faults.
    let from_ns = |rng: &mut StdRng| if rng.random_bool(0.8) { baseline_ns } else { 0 };
    let at_ns = |rng: &mut StdRng| {
        let from_ns = from_ns(rng);
        // The first arming takes some milliseconds, and each of them can go wrong.
        let arming = rng.random_bool(0.15);
        let to_ns = if arming { from_ns + 30 * MS } else { length_ns };
        rng.random_range(from_ns..to_ns)
    };
    let mut all: Vec<(u64, Trouble)> = (0..count).map(|_| (at_ns(rng), one(rng))).collect();
    // Where there are several, they are as often close together as far apart.
    if rng.random_bool(0.5) {
        let first_ns = all.first().map_or(0, |(at, _)| *at);
        let near_ns = [50 * MS, SECOND][rng.random_range(0..2)];
        all.iter_mut().for_each(|(at, _)| *at = first_ns + rng.random_range(0..near_ns));
    }
    all
}

fn one(rng: &mut StdRng) -> Trouble {
    let long = rng.random_range(10 * MS..8 * SECOND);
    match rng.random_range(0..42) {
        0 => Trouble::KillEngine,
        1 | 2 => Trouble::KillAgent,
        3 => Trouble::KillWatchdog,
        4 => Trouble::KillAgentAndWatchdog,
        5 | 6 => Trouble::KillTarget { reused: rng.random_bool(0.7) },
        7..=9 => Trouble::PowerCut(long),
        10 | 11 => Trouble::Sleep(long * 40),
        12 => Trouble::SetClock(long * 400),
        13 => Trouble::Cut,
        14 => Trouble::Partition(long),
        15..=17 => Trouble::BadNetwork(long),
        18 => Trouble::SlowNetwork(long),
        19 | 20 => Trouble::HangAgent(long),
        21 => Trouble::HangEngine(long),
        22 => Trouble::HangWatchdog(long),
        23 => Trouble::Signal,
        24 => Trouble::Undo,
        25 => Trouble::Rogue,
        26 => Trouble::Silence(long),
        27 => Trouble::Outage(long),
        28 => Trouble::NoTraffic(long),
        29 => Trouble::DiskFull(long),
        30 => Trouble::DiskLies(long),
        31 => Trouble::DiskSick(long),
        32 => Trouble::DiskSlow(long),
        33 => Trouble::StepsSlow(long),
        34..=36 => Trouble::RevertFails([1, 2, 5, 40, 40][rng.random_range(0..5)]),
        37 => Trouble::ApplyFails(rng.random_range(1..3)),
        38 => Trouble::NoAgent,
        39 => Trouble::KillAgentAndWatchdog,
        40 => Trouble::Cut,
        _ => Trouble::NoWatchdog(long),
    }
}

impl Trouble {
    /// False where an engine may have to end without knowing how its faults ended.
    pub(crate) fn leaves_sure(self) -> bool {
        !matches!(
            self,
            Trouble::Partition(_)
                | Trouble::BadNetwork(_)
                | Trouble::SlowNetwork(_)
                | Trouble::HangAgent(_)
                | Trouble::HangEngine(_)
                | Trouble::HangWatchdog(_)
                | Trouble::NoAgent
                | Trouble::StepsSlow(_)
                | Trouble::DiskSlow(_)
                | Trouble::RevertFails(_)
                | Trouble::Undo
                | Trouble::Sleep(_)
        )
    }
}
