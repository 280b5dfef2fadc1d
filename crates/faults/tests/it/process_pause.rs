//! `process.pause` on children of the test.

use crate::bench::{Own, Use, eventually, prepare, target};
use squall_faults::catalog::find;
use squall_faults::effect::EffectError;
use squall_faults::sys::process;
use std::process::Command;

fn state(pid: u32) -> char {
    process::stat(pid).unwrap().state
}

fn pause(pid: u32, with: &[(&str, &str)]) -> Result<Use, EffectError> {
    prepare("process.pause", target(pid, Vec::new()), with, &[])
}

#[test]
fn a_process_stops_and_goes_on_also_when_undone_twice() {
    let child = Own::sleeper();
    let used = pause(child.pid(), &[]).unwrap();
    assert_eq!(used.residue(), [""; 0]);
    let mut holder = used.apply();
    assert_eq!(state(child.pid()), 'T');
    let bite = holder.bite().unwrap();
    assert_eq!((bite.hits, bite.seen, bite.detail.as_str()), (1, 1, "1 of 1 threads stopped"));
    assert_eq!(used.residue(), [format!("pid {} is still stopped", child.pid())]);
    drop(holder);
    used.revert();
    used.revert();
    assert_eq!(used.residue(), [""; 0]);
    assert_ne!(state(child.pid()), 'T');
}

#[test]
fn the_receipt_alone_undoes_it_and_advice_names_the_command() {
    let child = Own::sleeper();
    let used = pause(child.pid(), &[]).unwrap();
    std::mem::forget(used.apply());
    let effect = find("process.pause").unwrap().effect;
    assert_eq!(effect.advice(&used.receipt), format!("kill -CONT {}", child.pid()));
    effect.revert(&used.receipt).unwrap();
    assert_eq!(effect.residue(&used.receipt).unwrap(), [""; 0]);
}

#[test]
fn a_target_that_was_stopped_before_is_refused_and_stays_stopped() {
    let child = Own::sleeper();
    let pid = rustix::process::Pid::from_raw(child.pid().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    eventually("stopped", || state(child.pid()) == 'T');
    let refused = pause(child.pid(), &[]).err().unwrap();
    assert_eq!(refused.to_string(), "own-1 is stopped already, by somebody else");
    assert_eq!(state(child.pid()), 'T');
}

#[test]
fn a_tree_stops_with_its_children() {
    let mut command = Command::new("sh");
    let shell = Own::spawn(command.args(["-c", "sleep 300 & exec_waits=1; wait"]));
    eventually("has a child", || process::descendants(shell.pid()).len() == 1);
    let child = process::descendants(shell.pid())[0].pid;
    let used = pause(shell.pid(), &[("tree", "yes")]).unwrap();
    let holder = used.apply();
    assert_eq!((state(shell.pid()), state(child)), ('T', 'T'));
    assert_eq!(holder.mechanism(), "SIGSTOP to 2 processes");
    used.revert();
    assert!(state(shell.pid()) != 'T' && state(child) != 'T');
    let pid = rustix::process::Pid::from_raw(child.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_target_that_ended_is_gone_and_nothing_is_left_to_undo() {
    let child = Own::sleeper();
    let used = pause(child.pid(), &[]).unwrap();
    drop(child);
    let refused = used.try_apply(crate::bench::lease(crate::bench::PATIENCE)).err().unwrap();
    assert!(matches!(refused, EffectError::TargetGone));
    used.revert();
    assert_eq!(used.residue(), [""; 0]);
}

#[test]
fn squall_itself_is_refused() {
    let refused = pause(std::process::id(), &[]).err().unwrap();
    assert!(refused.to_string().contains("is Squall itself"), "{refused}");
}

#[test]
fn a_foreign_receipt_is_refused() {
    let child = Own::sleeper();
    let mut used = pause(child.pid(), &[]).unwrap();
    used.receipt.undo = serde_json::json!({"cgroup": "/"});
    let effect = find("process.pause").unwrap().effect;
    assert!(matches!(effect.revert(&used.receipt), Err(EffectError::ForeignReceipt(_))));
}
