//! Two agents on one host, as two jobs of a build machine have them: neither takes the other's
//! faults for something that its own run left behind, and a dead one's are never overlooked.

use crate::victim::{Agent, ROLE, SOON, Victim, alone, arm, disarm, until_closed};
use rustix::process::{Pid, Signal, kill_process};
use squall_agent::undo::undo_all;
use squall_faults::sys::process;
use squall_real::needs::{Need, met};
use squall_real::until::until;
use squall_wire::fingerprint::Fingerprint;
use std::process::Command;

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

/// A run starts its agent as `/proc/self/exe`, which the kernel calls `exe`; found by the name of
/// the program, no agent of a run knew any other.
fn start_as_a_run_does(victim: &Victim) -> Agent {
    let link = victim.lab.scratch().join("exe");
    std::os::unix::fs::symlink(ROLE, &link).unwrap();
    Agent::start_with(victim, Command::new(link), &["agent"])
}

/// What has come to be of BPF, as text.
fn new_bpf(before: &Fingerprint, after: &Fingerprint) -> Vec<String> {
    let found = before.differences(after).into_iter();
    let found = found.filter(|found| found.appeared && found.category.starts_with("bpf"));
    found.map(|found| format!("{}: {}", found.category, found.fact)).collect()
}

/// Waits until the agent beside this target sees nothing new of BPF: other tests load programs, too,
/// and are done with them soon.
fn nothing_new(here: &Victim, before: &Fingerprint) -> Fingerprint {
    let looked = || {
        let now = here.fingerprint();
        new_bpf(before, &now).is_empty().then_some(now)
    };
    until("nothing of the other agent is new", SOON, looked).0
}

#[test]
fn an_agent_knows_what_another_holds_and_overlooks_nothing_of_a_dead_one() {
    if !met("an_agent_knows_what_another_holds_and_overlooks_nothing_of_a_dead_one", NEEDS) {
        return;
    }
    let _alone = alone();
    let (here, there) = (Victim::new(), Victim::new());
    let _agent = Agent::start(&here);
    let mut other = start_as_a_run_does(&there);
    let mut client = other.client();
    let named = |pid| process::stat(pid).map(|stat| stat.name);
    assert_eq!(named(other.child.id()).as_deref(), Some("squall-agent"));
    assert_eq!(named(client.greeting().watchdog).as_deref(), Some("squall-watchdog"));
    let mut injection = there.injection("net.refuse", &[]);
    injection.run = "other".into();
    let before = here.fingerprint();
    assert!(!before.runs.contains("other"), "{:?}", before.runs);

    arm(&mut client, &injection);
    let seen = squall_faults::sys::fingerprint::fingerprint(&[here.pid()]);
    assert!(!new_bpf(&before, &seen).is_empty(), "to anybody else it is there");
    let during = nothing_new(&here, &before);
    assert!(during.runs.contains("other"), "{:?}", during.runs);

    // What it keeps ready for the next time is nobody else's matter either.
    disarm(&mut client, "other");
    until_closed(&other);
    let after = nothing_new(&here, &before);
    assert!(!after.runs.contains("other"), "{:?}", after.runs);

    // A dead agent's receipt speaks for nobody any more, and what it left is a fact.
    let mut injection = there.injection("process.pause", &[]);
    injection.run = "other".into();
    arm(&mut client, &injection);
    assert!(here.fingerprint().runs.contains("other"));
    let watchdog = client.greeting().watchdog;
    signal(watchdog, Signal::STOP);
    other.kill();
    signal(watchdog, Signal::KILL);
    let left = here.fingerprint();
    assert!(!left.runs.contains("other"), "{:?}", left.runs);
    let stopped =
        before.differences(&left).into_iter().any(|d| d.appeared && d.category.contains("stopped"));
    assert!(stopped, "{:?}", before.differences(&left));
    assert_eq!(undo_all(&other.paths).unwrap().restored.len(), 1);
    until("the target runs again", SOON, || (!there.is_stopped()).then_some(()));
}
