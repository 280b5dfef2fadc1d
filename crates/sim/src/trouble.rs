//! Owns what can go wrong, and how much of it a seed asks for.

use rand::{RngExt, rngs::StdRng};
use squall_wire::record::Toggled;

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
    /// The connection breaks; both sides live.
    Cut,
    /// The agent does nothing for so long.
    HangAgent(u64),
    /// The engine does nothing for so long.
    HangEngine(u64),
    Signal,
    /// The sources say nothing for so long.
    Silence(u64),
    /// The service fails for so long, fault or not.
    Outage(u64),
    TargetGone,
    /// The disk takes no receipt for so long.
    DiskFull(u64),
    /// So many undos in a row leave a residue.
    RevertFails(u32),
    /// No agent can be started from now on.
    NoStart,
    /// Messages are slow for so long.
    SlowWire(u64),
}

/// The troubles of a seed, with their times. The first seeds in ten have none.
pub(crate) fn troubles(rng: &mut StdRng, length_ns: u64) -> Vec<(u64, Trouble)> {
    let count = [0, 1, 1, 1, 2, 2, 2, 3, 4, 6][rng.random_range(0..10)];
    (0..count).map(|_| (rng.random_range(0..length_ns), one(rng))).collect()
}

fn one(rng: &mut StdRng) -> Trouble {
    let long = rng.random_range(10 * MS..8 * SECOND);
    match rng.random_range(0..16) {
        0 => Trouble::KillEngine,
        1 | 15 => Trouble::KillAgent,
        2 => Trouble::KillWatchdog,
        3 => Trouble::KillAgentAndWatchdog,
        4 => Trouble::Cut,
        5 => Trouble::HangAgent(long),
        6 => Trouble::HangEngine(long),
        7 => Trouble::Signal,
        8 => Trouble::Silence(long),
        9 => Trouble::Outage(long),
        10 => Trouble::TargetGone,
        11 => Trouble::DiskFull(long),
        12 => Trouble::RevertFails([1, 2, 5, 40][rng.random_range(0..4)]),
        13 => Trouble::NoStart,
        _ => Trouble::SlowWire(long),
    }
}

/// A schedule of one or two faults over four slots.
pub(crate) fn toggled(rng: &mut StdRng) -> Vec<Toggled> {
    let row = |rng: &mut StdRng| {
        let mut on = vec![true, true, false, false];
        (1..on.len()).rev().for_each(|i| on.swap(i, rng.random_range(0..=i)));
        Toggled { fault: "net.refuse".into(), injections: Vec::new(), on }
    };
    (0..rng.random_range(1..3)).map(|_| row(rng)).collect()
}
