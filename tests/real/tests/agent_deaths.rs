//! Whatever dies or hangs, the target goes on.

use crate::seen::CASES;
use crate::victim::{Agent, SOON, Victim, alone, arm, restored_within, until_closed};
use rustix::process::{Pid, Signal, kill_process};
use squall_agent::journal::peek;
use squall_agent::undo::undo_all;
use squall_faults::sys::process;
use squall_real::needs::{Need, met};
use squall_real::until::until;
use squall_wire::injection::Injection;
use squall_wire::protocol::{Answer, Ask, Notice};
use std::time::{Duration, Instant};

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn a_lease_that_is_not_renewed_ends_the_fault() {
    if !met("a_lease_that_is_not_renewed_ends_the_fault", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mut client = agent.client();
    let mut injection = victim.injection("process.pause", &[]);
    injection.lease_ms = 300;
    let start = Instant::now();
    arm(&mut client, &injection);
    let renewed = client.call(Ask::Renew { run: "run1".into() });
    assert!(matches!(renewed, Ok(Answer::Renewed { remaining_ms: 250..=300 })), "{renewed:?}");
    let renewed_at = start.elapsed();
    let Notice::Ended { why, outcome } = client.notice(SOON).unwrap();
    assert_eq!((why.as_str(), outcome.residue.len()), ("lease", 0));
    assert!(!victim.is_stopped());
    let late = start.elapsed().saturating_sub(renewed_at + Duration::from_millis(300));
    println!("restored {late:?} after the deadline");
    assert!(late < restored_within());
}

#[test]
fn kill_9_of_the_agent_is_undone_by_the_watchdog() {
    if !met("kill_9_of_the_agent_is_undone_by_the_watchdog", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let mut agent = Agent::start(&victim);
    let before = victim.fingerprint();
    let mut client = agent.client();
    arm(&mut client, &victim.injection("process.pause", &[]));
    victim.until_stopped();
    agent.kill();
    let took = victim.until_running("the watchdog restores");
    println!("agent killed -9, restored after {took:?}");
    assert!(took < restored_within());
    until_closed(&agent);
    victim.assert_unchanged(&before);
}

#[test]
fn a_killed_watchdog_is_replaced_and_the_next_one_does_its_work() {
    if !met("a_killed_watchdog_is_replaced_and_the_next_one_does_its_work", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let mut agent = Agent::start(&victim);
    let mut client = agent.client();
    arm(&mut client, &victim.injection("process.pause", &[]));
    let first = client.greeting().watchdog;
    signal(first, Signal::KILL);
    until("a new watchdog", SOON, || {
        let now = agent.client().greeting().watchdog;
        (now != first).then_some(())
    });
    victim.until_stopped();
    agent.kill();
    assert!(victim.until_running("the new watchdog restores") < restored_within());
    until_closed(&agent);
}

#[test]
fn with_both_dead_the_next_start_and_the_panic_button_restore() {
    if !met("with_both_dead_the_next_start_and_the_panic_button_restore", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    for by_button in [false, true] {
        let mut agent = Agent::start(&victim);
        let mut client = agent.client();
        arm(&mut client, &victim.injection("process.pause", &[]));
        // Stopped first, so that it cannot act between the two kills.
        let watchdog = client.greeting().watchdog;
        signal(watchdog, Signal::STOP);
        until("the watchdog is stopped", SOON, || {
            (process::stat(watchdog)?.state == 'T').then_some(())
        });
        victim.until_stopped();
        agent.kill();
        signal(watchdog, Signal::KILL);
        victim.until_stopped();
        if by_button {
            let report = undo_all(&agent.paths).unwrap();
            assert_eq!((report.restored.len(), report.stuck.len()), (1, 0));
            let again = undo_all(&agent.paths).unwrap();
            assert_eq!((again.restored.len(), again.stuck.len()), (0, 0));
        } else {
            let next = Agent::start(&victim);
            victim.until_running("the next start restores");
            until_closed(&next);
        }
        assert!(!victim.is_stopped());
    }
}

#[test]
fn a_client_that_dies_takes_its_fault_along() {
    if !met("a_client_that_dies_takes_its_fault_along", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mut client = agent.client();
    arm(&mut client, &victim.injection("process.pause", &[]));
    drop(client);
    assert!(victim.until_running("the agent restores") < restored_within());
    until_closed(&agent);
}

#[test]
fn a_hung_agent_is_killed_by_the_watchdog_once_the_lease_is_over() {
    if !met("a_hung_agent_is_killed_by_the_watchdog_once_the_lease_is_over", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let mut agent = Agent::start(&victim);
    let mut client = agent.client();
    let mut injection = victim.injection("process.pause", &[]);
    injection.lease_ms = 300;
    arm(&mut client, &injection);
    signal(agent.identity().pid, Signal::STOP);
    let took = victim.until_running("the watchdog restores");
    println!("agent hung, lease 300 ms, restored after {took:?}");
    until("the hung agent is dead", SOON, || agent.child.try_wait().unwrap());
    until_closed(&agent);
}

/// One of each way in which a fault knows the time by itself: a program on calls, one on packets,
/// one that redirects requests, the target's own lease.
const ENDS_ITSELF: [&str; 4] = ["net.refuse", "net.loss", "http.delay", "go.http-delay"];

#[test]
fn with_agent_and_watchdog_hanging_the_kernel_or_the_target_ends_the_fault() {
    let test = "with_agent_and_watchdog_hanging_the_kernel_or_the_target_ends_the_fault";
    if !met(test, NEEDS) {
        return;
    }
    let _alone = alone();
    for name in ENDS_ITSELF {
        let case = CASES.iter().find(|case| case.fault == name).unwrap();
        if !met(test, case.needs) {
            continue;
        }
        let victim = (case.victim)();
        let mut agent = Agent::start(&victim);
        let before = victim.fingerprint();
        let mut client = agent.client();
        let lease_ms = 1_500;
        arm(&mut client, &Injection { lease_ms, ..case.injection(&victim) });
        let open = || peek(&agent.paths.state_dir).unwrap().open.len();
        until(&format!("{name} shows or its lease ends"), SOON, || {
            (case.shows(&victim, 0) || open() == 0).then_some(())
        });
        let start = Instant::now();
        let watchdog = client.greeting().watchdog;
        signal(watchdog, Signal::STOP);
        signal(agent.child.id(), Signal::STOP);
        if open() == 0 {
            println!("{name}: a lease of {lease_ms} ms was over before this machine looked");
            signal(watchdog, Signal::CONT);
            continue;
        }
        until("its lease is over", SOON, || {
            (start.elapsed() > Duration::from_millis(lease_ms)).then_some(())
        });
        until(&format!("{name} ends with its lease"), SOON, || case.is_over(&victim).then_some(()));
        println!("{name}: agent and watchdog hang, over after {:?}", start.elapsed());
        if name == "http.delay" {
            // Whoever asks reaches the target, and not the agent that hangs before it.
            until("it answers", SOON, || victim.get("/").ok().filter(|body| body == "hello"));
        }
        // Nobody undid it: it is still there, and does nothing any more.
        assert_eq!(open(), 1, "{name}");
        agent.kill();
        signal(watchdog, Signal::KILL);
        assert_eq!(undo_all(&agent.paths).unwrap().stuck, [], "{name}");
        victim.assert_unchanged(&before);
    }
}

#[test]
fn signals_end_the_agent_only_after_everything_is_restored() {
    if !met("signals_end_the_agent_only_after_everything_is_restored", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    for end in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut agent = Agent::start(&victim);
        let mut client = agent.client();
        arm(&mut client, &victim.injection("process.pause", &[]));
        let watchdog = client.greeting().watchdog;
        signal(watchdog, end);
        signal(agent.child.id(), end);
        let ended = until("the agent ends", SOON, || agent.child.try_wait().unwrap()).0;
        assert!(ended.success(), "{ended}");
        assert!(!victim.is_stopped());
        assert!(peek(&agent.paths.state_dir).unwrap().open.is_empty());
        assert!(!agent.paths.socket.exists());
        until("the watchdog ends", SOON, || {
            squall_faults::sys::process::identity(watchdog).is_none().then_some(())
        });
    }
}

#[test]
fn a_target_that_dies_closes_its_receipt() {
    if !met("a_target_that_dies_closes_its_receipt", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mut client = agent.client();
    arm(&mut client, &victim.injection("process.pause", &[]));
    signal(victim.pid(), Signal::KILL);
    let Notice::Ended { why, outcome } = client.notice(SOON).unwrap();
    assert_eq!((why.as_str(), outcome.residue.len()), ("target gone", 0));
    until_closed(&agent);
}

#[test]
fn the_panic_button_does_not_wait_for_a_hung_agent() {
    if !met("the_panic_button_does_not_wait_for_a_hung_agent", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mut client = agent.client();
    let lease_ms = 60_000;
    let injection = victim.injection("process.pause", &[]);
    arm(&mut client, &Injection { lease_ms, ..injection });
    signal(agent.identity().pid, Signal::STOP);
    let start = Instant::now();
    let report = undo_all(&agent.paths).unwrap();
    assert!(!victim.is_stopped() && !report.by_agent);
    assert_eq!((report.restored.len(), report.stuck.len()), (1, 0));
    println!("agent hung, panic button: restored after {:?}", start.elapsed());
}

#[test]
fn an_agent_that_starts_while_the_watchdog_restores_waits_for_it() {
    if !met("an_agent_that_starts_while_the_watchdog_restores_waits_for_it", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let mut agent = Agent::start(&victim);
    for _ in 0..5 {
        let mut client = agent.client();
        arm(&mut client, &victim.injection("process.pause", &[]));
        agent.kill();
        // Whoever takes the journal first undoes it; nobody gives up.
        agent = Agent::start(&victim);
        victim.until_running("one of both restores");
        until_closed(&agent);
    }
}
