//! The laws of the design, checked after every event, and what the world knows by itself to
//! check them: when leases really end, what was really seen.

mod end;

pub(crate) use end::check_end;

use crate::host::Host;
use crate::script::{RADIUS, RUN};
use crate::trouble::{MS, SECOND};
use crate::world::World;
use squall_agent::core::{REVERT_TRIES_MAX, STEP_NS_MAX};
use squall_agent::watchdog::guard::GRACE_NS;
use squall_wire::injection::Bite;
use squall_wire::journal::replay;
use squall_wire::lease::Lease;
use squall_wire::protocol::{Answer, Ask, Call, Undone};
use squall_wire::receipt::{Entry, Receipt};
use squall_wire::record::{Verdict, Word};
use std::collections::{BTreeMap, BTreeSet};

/// How long after its lease a fault may still be there: the agent's own tries to undo take
/// 700 ms, the watchdog's patience with a hung agent 400 ms, the host's own steps some more.
const BOUND_NS: u64 = 3 * SECOND / 2;
/// How much longer where each step may take as long as a step may.
const SLOW_NS: u64 = STEP_NS_MAX * REVERT_TRIES_MAX as u64 + GRACE_NS;
/// How long an agent may be without a watchdog: one that dies young again and again is started
/// again after 200 ms.
const UNGUARDED_NS_MAX: u64 = SECOND;

/// A law that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub law: &'static str,
    /// What was seen.
    pub seen: String,
}

/// What the world knows by itself.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) planned: usize,
    pub(crate) length_ns: u64,
    pub(crate) fault_hurts: bool,
    drifts: bool,
    /// True where nothing keeps the engine from knowing how its faults ended.
    pub(crate) sure: bool,
    /// Troubles that are to come.
    pub(crate) troubles: usize,
    pub(crate) exit: Option<u8>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) aborted_ns: Option<u64>,
    /// The rogue client, while there is one.
    pub(crate) rogue: Option<u64>,
    /// Silent samples while faults were on.
    pub(crate) silent_holds: u32,
    /// Until when the agent hung, the last time it did.
    pub(crate) hung_ns: u64,
    /// True while nobody can undo anything.
    pub(crate) nobody: bool,
    /// Until when nobody could undo anything, the last time that was so.
    pub(crate) nobody_until_ns: u64,
    /// When something was bad, the last time.
    pub(crate) rough_ns: u64,
    /// What is open in the journal, by what its bytes say.
    pub(crate) open: Vec<Receipt>,
    /// Who showed an effect.
    pub(crate) bitten: BTreeSet<String>,
    /// How often each receipt was undone by an agent.
    pub(crate) tried: BTreeMap<String, u32>,
    /// The receipts that an agent has ordered to be undone: from then on its watchdog gives it the
    /// time of a step.
    pub(crate) ordered: BTreeSet<String>,
    pub(crate) broken: Option<Broken>,
    /// Until when each injection may act, by receipt, on the boot-time axis; and who armed it.
    leases: BTreeMap<String, (Lease, u64)>,
    left: BTreeMap<u64, u64>,
    /// Since when the living agent has no watchdog.
    unguarded_ns: Option<u64>,
    journal_bytes: usize,
}

impl Truth {
    pub(crate) fn new(planned: usize, length_ns: u64, fault_hurts: bool, drifts: bool) -> Truth {
        Truth {
            planned,
            length_ns,
            fault_hurts,
            drifts,
            sure: true,
            troubles: 0,
            exit: None,
            verdict: None,
            aborted_ns: None,
            rogue: None,
            silent_holds: 0,
            hung_ns: 0,
            nobody: false,
            nobody_until_ns: 0,
            rough_ns: 0,
            open: Vec::new(),
            bitten: BTreeSet::new(),
            tried: BTreeMap::new(),
            ordered: BTreeSet::new(),
            broken: None,
            leases: BTreeMap::new(),
            left: BTreeMap::new(),
            unguarded_ns: None,
            journal_bytes: 0,
        }
    }

    fn break_law(&mut self, law: &'static str, seen: String) {
        self.broken.get_or_insert(Broken { law, seen });
    }

    /// A call reaches the agent: leases are granted and renewed by it, and by nothing else.
    pub(crate) fn called(&mut self, client: u64, call: &Call, boottime_ns: u64) {
        match &call.ask {
            Ask::Arm { injection, .. } => {
                let ns = |ms: u64| ms * MS;
                let lease = Lease::grant(boottime_ns, ns(injection.lease_ms), ns(injection.cap_ms));
                let key = format!("r-{}-{}", injection.run, injection.id);
                // One that is in place already keeps its lease: the other call is refused.
                let there = self.open.iter().any(|receipt| receipt.id == key);
                if let (Ok(lease), false) = (lease, there) {
                    self.leases.insert(key, (lease, client));
                }
            }
            Ask::Renew { run } => {
                let prefix = format!("r-{run}-");
                let of = self.leases.iter_mut().filter(|(id, _)| id.starts_with(&prefix));
                // One that comes too late changes nothing.
                of.for_each(|(_, (lease, _))| _ = lease.renew(boottime_ns));
            }
            _ => {}
        }
    }

    pub(crate) fn left(&mut self, client: u64, now_ns: u64) {
        self.left.entry(client).or_insert(now_ns);
    }

    /// The clocks begin anew; whoever had a lease is gone with all it had.
    pub(crate) fn booted(&mut self) {
        self.leases.clear();
    }

    /// What an agent that undid everything of a run would say.
    pub(crate) fn all_undone(&self, run: &str) -> Answer {
        let of = self.open.iter().filter(|receipt| receipt.run == run);
        let outcomes = of.map(|receipt| Undone {
            run: run.into(),
            injection: receipt.injection.clone(),
            receipt: receipt.id.clone(),
            took_us: 0,
            bite: Some(Bite { hits: 5, seen: 9, ..Bite::default() }),
            residue: Vec::new(),
            advice: None,
        });
        Answer::Disarmed { outcomes: outcomes.collect() }
    }

    pub(crate) fn said_armed(&mut self, host: &Host, receipt: &str) {
        if !host.applied.contains_key(receipt) {
            self.break_law("what is reported in place was put there", receipt.to_owned());
        }
    }

    /// Whoever undid everything is done, but for what it says is left.
    pub(crate) fn left_by(&mut self, by: &str, left: &[(Receipt, String)]) {
        let is_left = |open: &&Receipt| left.iter().any(|(receipt, _)| receipt.id == open.id);
        if let Some(open) = self.open.iter().find(|open| !is_left(open)) {
            let seen = format!("{by}: {}", open.id);
            self.break_law("who undoes leaves nothing out", seen);
        }
    }

    /// The engine records how an undo went.
    pub(crate) fn recorded_restore(&mut self, host: &Host, injection: &str, residue: &[String]) {
        let id = format!("r-{RUN}-{injection}");
        if residue.is_empty() && host.effects.contains_key(&id) {
            self.break_law("what is recorded as restored is", id);
        }
    }

    /// A watchdog or a person undoes.
    pub(crate) fn restores(&mut self, by: &str, agent: bool) {
        if by == "watchdog" && agent {
            self.break_law("agent and watchdog never act at once", by.to_owned());
        }
    }
}

impl World {
    /// A fault is about to be put in place.
    pub(crate) fn about_to_apply(&mut self, receipt: &Receipt) {
        let disk = self.disk.0.borrow();
        let on_disk = replay(&disk.durable).open.iter().any(|open| open.id == receipt.id);
        let missing = !on_disk && !disk.lied;
        drop(disk);
        if missing {
            self.truth.break_law("no effect before its receipt is on disk", receipt.id.clone());
        }
        let hung_ns = self.agent.as_ref().map_or(0, |side| side.hung_until_ns);
        let since_ns = self.truth.unguarded_ns.map_or(self.now_ns, |since| since.max(hung_ns));
        if self.now_ns > since_ns + UNGUARDED_NS_MAX && !self.is_slow() {
            self.truth.break_law("nothing is armed without a watchdog", receipt.id.clone());
        }
    }

    /// The watchdog ended its agent.
    pub(crate) fn ended_by_watchdog(&mut self) {
        let Some(side) = &self.agent else { return };
        let hung = side.hung_until_ns + 2 * GRACE_NS > self.now_ns || self.is_slow();
        if !hung {
            let seen = format!("agent {}", side.life);
            self.truth.break_law("a watchdog ends no agent that answers", seen);
        }
    }

    /// True while steps that take long may be under way.
    fn is_slow(&self) -> bool {
        let until_ns = self.until.steps_slow_ns.max(self.until.disk_slow_ns);
        until_ns > 0 && self.now_ns < until_ns + 6 * STEP_NS_MAX
    }

    /// Reads what was written to the journal since the last look.
    pub(crate) fn look_at_journal(&mut self) {
        let disk = self.disk.0.borrow();
        let (bytes, rough) = (&disk.bytes, disk.was_rough);
        if bytes.len() < self.truth.journal_bytes {
            let found = replay(bytes);
            self.truth.journal_bytes = found.sound_bytes;
            self.truth.open = found.open;
            return;
        }
        let mut rest = &bytes[self.truth.journal_bytes..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&rest[..end]);
            self.truth.journal_bytes += end + 1;
            rest = &rest[end + 1..];
            match line.splitn(4, ' ').nth(3).map(serde_json::from_str::<Entry>) {
                Some(Ok(Entry::Open(receipt))) => self.truth.open.push(receipt),
                Some(Ok(Entry::Close { id, by, .. })) => {
                    let before = self.truth.open.len();
                    self.truth.open.retain(|receipt| receipt.id != id);
                    if self.truth.open.len() == before && !rough {
                        self.truth.break_law("a receipt is closed once", format!("{id} by {by}"));
                    }
                }
                _ => self.truth.break_law("the journal is whole", line.into_owned()),
            }
        }
    }

    /// When it was so bad the last time that what is late may be late.
    fn bad_until_ns(&self) -> u64 {
        self.truth.nobody_until_ns.max(self.clocks.woke_ns)
    }
}

/// Checks what must hold at any moment.
pub(crate) fn check(world: &mut World) -> Result<(), Broken> {
    check_guard(world)?;
    if let Some(process) = world.host.harmed.first() {
        return broken("nobody but a target is touched", format!("{process:?}"));
    }
    if world.host.effects.is_empty() {
        return Ok(());
    }
    let boottime_ns = world.boottime_ns();
    let slow_ns = if world.is_slow() { SLOW_NS } else { 0 };
    let may_last_ns = |since_ns: u64| since_ns.max(world.bad_until_ns()) + BOUND_NS + slow_ns;
    let mut targets: BTreeMap<&str, BTreeSet<_>> = BTreeMap::new();
    for (id, effect) in world.host.acting(boottime_ns) {
        targets.entry(&effect.run).or_default().insert(effect.process);
        if !world.truth.open.iter().any(|receipt| receipt.id == *id) {
            return broken("no fault without an open receipt", id.clone());
        }
        if world.rests && world.engine.is_some() && effect.run == RUN {
            return broken("the traffic rests only while nothing acts", id.clone());
        }
        let Some((lease, client)) = world.truth.leases.get(id) else {
            return broken("no fault without a lease", id.clone());
        };
        if world.host.hopeless {
            continue;
        }
        let late_ns = world.clocks.queue_ns(boottime_ns.saturating_sub(lease.deadline_ns()));
        let since_ns = world.now_ns.saturating_sub(late_ns);
        // An agent that hangs after it has ordered an undo has the time of a step for it.
        let ordered = world.truth.ordered.contains(id);
        let undo_ns = if ordered { STEP_NS_MAX + GRACE_NS } else { 0 };
        if lease.ended(boottime_ns) && world.now_ns > may_last_ns(since_ns) + undo_ns {
            return broken("no fault outlives its lease", id.clone());
        }
        if let Some(left_ns) = world.truth.left.get(client)
            && world.now_ns > may_last_ns((*left_ns).max(world.truth.hung_ns))
        {
            return broken("no fault outlives its client", id.clone());
        }
    }
    for (run, held) in targets {
        let radius = if run == RUN { RADIUS as usize } else { 1 };
        if held.len() > radius {
            return broken("the radius is never exceeded", format!("{run}: {held:?}"));
        }
    }
    Ok(())
}

/// Checks that a living agent has a watchdog, or soon will.
fn check_guard(world: &mut World) -> Result<(), Broken> {
    let now_ns = world.now_ns;
    let Some(side) = &world.agent else {
        world.truth.unguarded_ns = None;
        return Ok(());
    };
    let guarded = world.watchdogs.values().any(|watchdog| watchdog.life == side.life);
    if guarded {
        world.truth.unguarded_ns = None;
        return Ok(());
    }
    let since_ns = *world.truth.unguarded_ns.get_or_insert(now_ns);
    let since_ns = since_ns.max(side.hung_until_ns).max(world.until.no_watchdog_ns);
    if now_ns > since_ns + UNGUARDED_NS_MAX {
        return broken("a watchdog that died is replaced", format!("agent {}", side.life));
    }
    Ok(())
}

/// Checks what must hold when the engine has said its last word.
pub(crate) fn check_verdict(world: &World) -> Result<(), Broken> {
    let (Some(exit), Some(verdict)) = (world.truth.exit, &world.truth.verdict) else {
        return if world.truth.exit == Some(3) {
            broken("a run ends with a verdict", "an exit code alone".into())
        } else {
            Ok(())
        };
    };
    let of_run = world.host.effects.iter().filter(|(_, effect)| effect.run == RUN);
    let left: Vec<&str> = of_run.map(|(id, _)| id.as_str()).collect();
    let left = left.join(", ");
    if exit != 5 && !left.is_empty() {
        return broken("what is not restored is exit 5", format!("exit {exit}, left: {left}"));
    }
    if verdict.word == Word::Held {
        let applied: Vec<&String> =
            world.host.applied.keys().filter(|id| id.contains(RUN)).collect();
        let bitten = applied.iter().all(|id| world.truth.bitten.contains(*id));
        let data = verdict.indicators.iter().all(|i| i.total > Some(0) && i.gaps == 0);
        let seen = data && !verdict.indicators.is_empty() && world.truth.silent_holds == 0;
        if applied.len() != world.truth.planned || !bitten || !seen {
            return broken("held is never said without data and effect", verdict.sentence.clone());
        }
    }
    if exit == 5 && world.truth.sure && left.is_empty() {
        return broken("no false cry for a person", verdict.sentence.clone());
    }
    if verdict.exit != exit {
        return broken("the exit code is the verdict's", format!("{} and {exit}", verdict.exit));
    }
    if world.truth.troubles == 0 && !world.truth.drifts {
        let expected = u8::from(world.truth.fault_hurts);
        if exit != expected {
            let seen = format!("exit {exit} instead of {expected}: {}", verdict.sentence);
            return broken("without trouble the verdict is the truth", seen);
        }
    }
    Ok(())
}

fn broken(law: &'static str, seen: String) -> Result<(), Broken> {
    Err(Broken { law, seen })
}
