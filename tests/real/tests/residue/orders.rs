//! Who is killed when: every combination that makes sense, and a spread of them over the faults.

use super::super::seen::Case;
use squall_agent::points::Point;
use std::fmt;

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// The whole `squall run`.
    Cli,
    /// A process that holds the lease as the engine does.
    Engine,
    Agent,
    Watchdog,
    /// Both in one moment.
    Both,
    /// The watchdog while it replays the receipts of a dead agent.
    WatchdogRestoring,
    /// `squall undo` while it replays the receipts of a dead agent and a dead watchdog.
    Undo,
    Target,
}

impl Who {
    pub(super) fn name(self) -> &'static str {
        match self {
            Who::Cli => "squall run",
            Who::Engine => "engine",
            Who::Agent => "agent",
            Who::Watchdog => "watchdog",
            Who::Both => "agent and watchdog",
            Who::WatchdogRestoring => "agent, then watchdog",
            Who::Undo => "both, then undo",
            Who::Target => "target",
        }
    }
}

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    /// So many microseconds after the order to arm.
    Arming(u64),
    /// While the effect shows.
    Armed,
    /// So many microseconds after the order to disarm.
    Disarming(u64),
    /// At a named point.
    At(Point),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) who: Who,
    pub(super) when: When,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", self.who.name())?;
        match self.when {
            When::Arming(us) => write!(f, "arming +{us} µs"),
            When::Armed => f.write_str("armed"),
            When::Disarming(us) => write!(f, "disarming +{us} µs"),
            When::At(point) => write!(f, "at {}", point.name()),
        }
    }
}

/// SplitMix64: small, and the same everywhere.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// Every order for one fault, in an order of its own.
fn all(fault: &str, seed: u64) -> Vec<Order> {
    let named = fault.bytes().fold(seed, |hash, byte| hash.rotate_left(7) ^ u64::from(byte));
    let mut dice = Dice(named);
    let mut out = Vec::new();
    for who in [Who::Engine, Who::Agent, Who::Watchdog, Who::Both, Who::Target] {
        // The journal is taken before there is anybody else to kill.
        let points = Point::ALL.into_iter().filter(|point| *point != Point::JournalTaken);
        let mut whens: Vec<When> = points.map(When::At).collect();
        whens.push(When::Armed);
        // The first use of a BPF program takes a hundred times as long as the next.
        whens.push(When::Arming(dice.below(6_000)));
        whens.push(When::Arming(dice.below(100_000)));
        whens.push(When::Disarming(dice.below(4_000)));
        out.extend(whens.into_iter().map(|when| Order { who, when }));
    }
    let restoring = [Point::JournalTaken, Point::Reverted, Point::Looked, Point::Closed];
    for who in [Who::WatchdogRestoring, Who::Undo] {
        out.extend(restoring.map(|point| Order { who, when: When::At(point) }));
    }
    let run = [Point::ReceiptSynced, Point::Applied, Point::HolderDropped].map(When::At);
    out.extend(run.into_iter().chain([When::Armed]).map(|when| Order { who: Who::Cli, when }));
    for at in (1..out.len()).rev() {
        out.swap(at, usize::try_from(dice.below(at as u64 + 1)).unwrap());
    }
    out
}

/// The next `kills` orders over all faults, evenly; what was played before is left out. Those
/// that end the target come last, so that one target serves for the others.
pub(super) fn spread<'a>(
    cases: &[&'a Case],
    kills: usize,
    seed: u64,
    played: impl Fn(&str, &Order) -> bool,
) -> Vec<(&'a Case, Vec<Order>)> {
    let mut left = kills;
    let mut out = Vec::new();
    let first = Dice(seed).below(cases.len().max(1) as u64) as usize;
    for index in 0..cases.len() {
        let case = cases[(first + index) % cases.len()];
        let share = left.div_ceil(cases.len() - index);
        let fresh = all(case.fault, seed).into_iter().filter(|order| !played(case.fault, order));
        let mut orders: Vec<Order> = fresh.take(share).collect();
        left -= orders.len();
        orders.sort_by_key(|order| order.who == Who::Target);
        if !orders.is_empty() {
            out.push((case, orders));
        }
    }
    out
}

#[test]
fn every_order_of_a_fault_comes_once_and_a_short_run_reaches_every_fault() {
    let orders = all("net.loss", 7);
    assert_eq!(orders.len(), 5 * 12 + 8 + 4);
    for (at, order) in orders.iter().enumerate() {
        assert!(!orders[..at].contains(order), "{order}");
    }
    let cases: Vec<&Case> = super::super::seen::CASES.iter().collect();
    let spread = spread(&cases, cases.len() * 2, 7, |_, _| false);
    assert_eq!(spread.len(), cases.len());
    assert!(spread.iter().all(|(_, orders)| orders.len() == 2));
}
