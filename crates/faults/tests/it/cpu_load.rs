//! `cpu.load` on a child in a cgroup of its own.

use crate::bench::{Own, OwnGroup, Use, eventually, is_root, lease, prepare, target};
use crate::child::Part;
use squall_faults::catalog::find;
use squall_faults::sys::worker::{Program, WORK_ARGUMENT, work_with};
use squall_faults::sys::{clock, process};
use squall_wire::receipt::Receipt;
use std::time::{Duration, Instant};

/// This binary is its own worker.
pub(crate) fn work_with_this() {
    let path = std::env::current_exe().unwrap();
    let arguments = ["--exact", "child::plays_its_part", "--nocapture", "--test-threads=1"];
    work_with(Program { path, arguments: arguments.map(str::to_owned).to_vec() });
}

fn load(pid: u32, with: &[(&str, &str)]) -> Use {
    work_with_this();
    prepare("cpu.load", target(pid, Vec::new()), with, &[]).unwrap()
}

/// The pids of this injection's workers.
fn workers(token: &str) -> Vec<u32> {
    let all = process::all().into_iter().filter(|(_, stat)| stat.state != 'Z');
    let is_meant = |pid: &u32| {
        let words = process::command_line(*pid);
        words.iter().any(|word| word == WORK_ARGUMENT) && words.iter().any(|word| word == token)
    };
    all.map(|(pid, _)| pid).filter(is_meant).collect()
}

fn token(receipt: &Receipt) -> String {
    receipt.undo["token"].as_str().unwrap().to_owned()
}

#[test]
fn the_asked_share_is_burned_in_the_targets_cgroup() {
    if !is_root("cpu.load") {
        return;
    }
    let group = OwnGroup::new("burn");
    let child = Own::sleeper();
    group.take(child.pid());
    let used = load(child.pid(), &[("percent", "20%")]);
    let started = Instant::now();
    let mut holder = used.apply();
    println!("apply took {:?}", started.elapsed());
    let pids = workers(&token(&used.receipt));
    assert_eq!(pids.len(), 1);
    let members = std::fs::read_to_string(group.0.join("cgroup.procs")).unwrap();
    assert!(members.lines().any(|line| line == pids[0].to_string()), "{members}");
    eventually("named", || process::stat(pids[0]).unwrap().name == "squall-work");
    // A second of CPU time at a fifth of a core takes five; half a second is enough to tell.
    eventually("burned", || clock::process_cpu_ns(pids[0]).unwrap() > 300_000_000);
    let bite = holder.bite().unwrap();
    println!("{}", bite.detail);
    assert_eq!(bite.asked, Some(20.0));
    // Other work on this machine may take time from the worker, never give it some.
    assert!((5.0..=23.0).contains(&bite.delivered.unwrap()), "{bite:?}");
    assert_eq!(used.residue(), [format!("pid {} still works", pids[0])]);
    drop(holder);
    assert_eq!(workers(&token(&used.receipt)), [0; 0]);
    used.revert();
    used.revert();
    assert_eq!(used.residue(), [""; 0]);
}

#[test]
fn the_receipt_alone_ends_the_worker() {
    if !is_root("cpu.load by its receipt") {
        return;
    }
    let child = Own::sleeper();
    let used = load(child.pid(), &[("percent", "5%")]);
    let holder = used.apply();
    used.revert();
    assert_eq!(used.residue(), [""; 0]);
    drop(holder);
}

#[test]
fn a_lease_that_ran_out_ends_the_worker_by_itself() {
    if !is_root("cpu.load after its lease") {
        return;
    }
    let child = Own::sleeper();
    let used = load(child.pid(), &[("percent", "5%")]);
    let mut holder = used.apply();
    assert_eq!(workers(&token(&used.receipt)).len(), 1);
    holder.extend(lease(Duration::from_millis(1))).unwrap();
    eventually("gone", || workers(&token(&used.receipt)).is_empty());
}

#[test]
fn kill_9_of_the_holder_ends_the_worker() {
    if !is_root("cpu.load after kill -9") {
        return;
    }
    let child = Own::sleeper();
    let mut holder = Part::start("holder");
    let receipt = holder.ask(&format!("cpu.load {} percent=5% - -", child.pid()));
    let receipt: Receipt = serde_json::from_str(&receipt).unwrap();
    assert_eq!(workers(&token(&receipt)).len(), 1);
    let killed = Instant::now();
    holder.kill();
    eventually("gone", || workers(&token(&receipt)).is_empty());
    println!("gone {:?} after kill -9", killed.elapsed());
    let effect = find("cpu.load").unwrap().effect;
    effect.revert(&receipt).unwrap();
    assert_eq!(effect.residue(&receipt).unwrap(), [""; 0]);
}
