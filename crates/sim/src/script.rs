//! Owns what the simulated runs are to do: short ones with everything close together, and long
//! ones as people run them.

use crate::trouble::{MS, SECOND};
use rand::RngExt;
use rand::rngs::StdRng;
use squall_engine::core::{Script, ScriptStep};
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::Injection;
use squall_wire::record::{Indicator, Toggled, Unit};
use squall_wire::target::Target;
use std::collections::BTreeMap;

/// Targets a run may hold.
pub(crate) const RADIUS: u32 = 2;
/// The run.
pub(crate) const RUN: &str = "7k2f9";
/// The first target's pid.
pub(crate) const PID: u32 = 101;
/// The faults, by how they die: with their holder, by a lease in the target, by a receipt about
/// a process, by a receipt about a group of processes.
pub(crate) const FAULTS: [&str; 4] =
    ["net.refuse", "go.http.delay", "process.pause", "cpu.throttle"];

/// A script, and how long its run takes when nothing goes wrong.
pub(crate) fn script(rng: &mut StdRng) -> (Script, u64) {
    // One run in ten is as long as a person's: minutes to an hour with a lease of a minute.
    let long = rng.random_range(0..10) == 0;
    let lease_ms = if long { 60_000 } else { [200, 1_000, 5_000][rng.random_range(0..3)] };
    let every_ms = if long { rng.random_range(5_000..15_000) } else { 500 };
    let hold_ms = |rng: &mut StdRng| {
        if long { rng.random_range(120_000..3_600_000) } else { rng.random_range(2_000..6_000) }
    };
    let mut id = 0;
    let mut injection = |rng: &mut StdRng, hold_ms: u64| {
        id += 1;
        injection(id, FAULTS[rng.random_range(0..4)], lease_ms, hold_ms + lease_ms)
    };
    let toggled = if !long && rng.random_range(0..4) == 0 { toggled(rng) } else { Vec::new() };
    let slot_ms = rng.random_range(1_000..2_500);
    let slots = toggled.first().map_or(0, |fault| fault.on.len());
    let mut steps: Vec<ScriptStep> = Vec::new();
    for at in 0..slots {
        let on = toggled.iter().filter(|fault| fault.on[at]);
        let injections = on.map(|_| injection(rng, slot_ms)).collect();
        steps.push(ScriptStep { injections, hold_us: slot_ms * 1_000 });
    }
    if steps.is_empty() {
        for _ in 0..rng.random_range(1..3) {
            let hold_ms = hold_ms(rng);
            let count = rng.random_range(1..=RADIUS);
            let injections = (0..count).map(|_| injection(rng, hold_ms)).collect();
            steps.push(ScriptStep { injections, hold_us: hold_ms * 1_000 });
        }
    }
    let baseline_us = every_ms * 4_000;
    let method_us = steps.iter().map(|step| step.hold_us).sum::<u64>();
    // Half of the toggled runs have traffic of their own that may rest.
    let drains = !toggled.is_empty() && rng.random_bool(0.5);
    let drain_us = if drains { rng.random_range(8_000_000..20_000_000) } else { 0 };
    let length_us = baseline_us + method_us + drain_us.min(method_us);
    let script = Script {
        run: RUN.into(),
        indicators: vec![indicator()],
        consecutive: 2,
        strikes_end: !drains,
        every_us: every_ms * 1_000,
        literal: false,
        false_alarm: 0.01,
        evidence_aborts: false,
        baseline_us,
        steps,
        drain_us,
        toggled,
        recovery_us: every_ms * 6_000,
        radius_max: RADIUS,
    };
    (script, length_us * 1_000 + SECOND + 500 * MS)
}

fn indicator() -> Indicator {
    Indicator {
        name: "order success".into(),
        query: "q".into(),
        expect: ">= 95%".into(),
        unit: Unit::Share,
        bound: 0.95,
        at_least: true,
        bad_share: Some(0.05),
        bad_word: "failed".into(),
    }
}

/// A schedule of one or two faults over four slots.
fn toggled(rng: &mut StdRng) -> Vec<Toggled> {
    let row = |rng: &mut StdRng| {
        let mut on = vec![true, true, false, false];
        (1..on.len()).rev().for_each(|i| on.swap(i, rng.random_range(0..=i)));
        Toggled { fault: "net.refuse".into(), injections: Vec::new(), on }
    };
    (0..rng.random_range(1..3)).map(|_| row(rng)).collect()
}

/// One use of a fault on target number `id`.
pub(crate) fn injection(id: u32, fault: &str, lease_ms: u64, cap_ms: u64) -> Injection {
    Injection {
        id: format!("i{id}"),
        run: RUN.into(),
        fault: fault.into(),
        params: BTreeMap::new(),
        filters: BTreeMap::new(),
        target: Target {
            name: format!("payment-{id}"),
            service: "payment".into(),
            process: ProcessIdentity { pid: PID - 1 + id, start_ticks: 1 },
            netns: 1,
            cgroup: "/".into(),
            listening: Vec::new(),
            probes: Vec::new(),
        },
        lease_ms,
        cap_ms,
        seed: 1,
    }
}
