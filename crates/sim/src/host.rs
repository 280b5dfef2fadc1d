//! Owns the host: its processes, the faults in place on them, and the hands that undo.

use crate::mutant::Mutant;
use squall_agent::restore::Undo;
use squall_faults::effect::EffectError;
use squall_wire::fingerprint::Fingerprint;
use squall_wire::identity::{BootId, ProcessIdentity};
use squall_wire::receipt::Receipt;
use std::collections::{BTreeMap, BTreeSet};

/// How a fault dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// With its holder, or when the kernel's own deadline comes.
    Holder,
    /// With the connection to its holder, or when the target's own lease ends.
    Inside,
    /// By its receipt, or with its process.
    Process,
    /// By its receipt alone.
    Group,
}

/// A fault in place.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    pub(crate) run: String,
    pub(crate) process: ProcessIdentity,
    pub(crate) death: Death,
    /// When it ends by itself, on the boot-time axis, where it does.
    pub(crate) deadline_ns: u64,
}

/// The host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) boot: BootId,
    /// By receipt.
    pub(crate) effects: BTreeMap<String, Effect>,
    /// The start time of each living process.
    pub(crate) processes: BTreeMap<u32, u64>,
    /// Processes that are nobody's target, and were touched.
    pub(crate) harmed: Vec<ProcessIdentity>,
    /// How many undos to come leave a residue.
    pub(crate) stubborn: u32,
    /// True where more undos fail than an agent tries.
    pub(crate) hopeless: bool,
    /// Each receipt whose fault was in place at any time, with the boot it was in.
    pub(crate) applied: BTreeMap<String, BootId>,
    mutant: Option<Mutant>,
}

impl Host {
    pub(crate) fn new(targets: impl Iterator<Item = u32>, mutant: Option<Mutant>) -> Host {
        Host {
            boot: BootId("boot 1".into()),
            effects: BTreeMap::new(),
            processes: targets.map(|pid| (pid, 1)).collect(),
            harmed: Vec::new(),
            stubborn: 0,
            hopeless: false,
            applied: BTreeMap::new(),
            mutant,
        }
    }

    fn lives(&self, process: ProcessIdentity) -> bool {
        self.processes.get(&process.pid) == Some(&process.start_ticks)
    }

    /// Puts a fault in place; a target that is gone takes none.
    pub(crate) fn apply(&mut self, receipt: &Receipt, deadline_ns: u64) -> bool {
        if !self.lives(receipt.process) {
            return false;
        }
        let death = match receipt.fault.as_str() {
            "net.refuse" => Death::Holder,
            "go.http.delay" => Death::Inside,
            "process.pause" => Death::Process,
            _ => Death::Group,
        };
        let (run, process) = (receipt.run.clone(), receipt.process);
        self.effects.insert(receipt.id.clone(), Effect { run, process, death, deadline_ns });
        self.applied.insert(receipt.id.clone(), self.boot.clone());
        true
    }

    /// What acts at this moment.
    pub(crate) fn acting(&self, boottime_ns: u64) -> impl Iterator<Item = (&String, &Effect)> {
        self.effects.iter().filter(move |(_, effect)| {
            let by_itself = matches!(effect.death, Death::Holder | Death::Inside);
            !by_itself || boottime_ns < effect.deadline_ns
        })
    }

    /// What dies with the process that held it.
    pub(crate) fn holder_died(&mut self) {
        self.effects.retain(|_, e| !matches!(e.death, Death::Holder | Death::Inside));
    }

    /// A target ends, and everything of it that is its own.
    pub(crate) fn target_died(&mut self, pid: u32, next_start: Option<u64>) {
        self.processes.remove(&pid);
        self.effects.retain(|_, e| e.process.pid != pid || e.death == Death::Group);
        self.processes.extend(next_start.map(|start| (pid, start)));
    }

    /// The power went: nothing of any fault is left, and each pid may be somebody else now.
    pub(crate) fn booted(&mut self, same_starts: bool) {
        let number = self.boot.0.trim_start_matches("boot ").parse::<u32>().unwrap_or(0) + 1;
        self.boot = BootId(format!("boot {number}"));
        self.effects.clear();
        // The same services start at the same tick after each boot; they are others all the same.
        self.processes.values_mut().for_each(|start| *start = if same_starts { 1 } else { 2 });
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let facts: BTreeSet<String> = self.effects.keys().cloned().collect();
        Fingerprint { facts: BTreeMap::from([("faults".into(), facts)]), ..Fingerprint::default() }
    }
}

/// The hands of whoever undoes.
pub(crate) struct Hands<'h>(pub(crate) &'h mut Host);

impl Undo for Hands<'_> {
    fn revert(&mut self, receipt: &Receipt) -> Result<(), EffectError> {
        let host = &mut *self.0;
        // What has the pid now is another process, whatever the receipt says.
        let other_boot = host.applied.get(&receipt.id).is_some_and(|boot| *boot != host.boot);
        if !host.lives(receipt.process) || other_boot {
            let by_pid = other_boot || host.mutant == Some(Mutant::TrustPidAlone);
            if let (true, Some(start)) = (by_pid, host.processes.get(&receipt.process.pid)) {
                let (pid, start_ticks) = (receipt.process.pid, *start);
                host.harmed.push(ProcessIdentity { pid, start_ticks });
            }
            host.effects.retain(|id, e| *id != receipt.id || e.death == Death::Group);
        }
        if host.stubborn > 0 && host.effects.contains_key(&receipt.id) {
            host.stubborn -= 1;
        } else {
            host.effects.remove(&receipt.id);
        }
        if host.lives(receipt.process) { Ok(()) } else { Err(EffectError::TargetGone) }
    }

    fn residue(&mut self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let left = self.0.effects.contains_key(&receipt.id);
        Ok(left.then(|| "still there".to_owned()).into_iter().collect())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        format!("kill -CONT {}", receipt.process.pid)
    }
}
