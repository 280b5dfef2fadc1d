//! What the agent answers, refuses and costs, on a real process.

use crate::seen::{CASES, Seen};
use crate::victim::{Agent, ROLE, SOON, Victim, alone, arm, disarm, until_closed};
use squall_agent::client::{Client, ClientError};
use squall_agent::journal::peek;
use squall_agent::shell::spawn;
use squall_agent::undo::undo_all;
use squall_faults::catalog;
use squall_faults::sys::doctor;
use squall_real::needs::{Need, met};
use squall_real::until::until;
use squall_wire::protocol::{Answer, Ask, Notice};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];

#[test]
fn arm_bite_disarm_leaves_nothing() {
    if !met("arm_bite_disarm_leaves_nothing", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mut client = agent.client();
    let before = victim.fingerprint();
    let mut took = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let armed = arm(&mut client, &victim.injection("process.pause", &[]));
        took.push((start.elapsed(), armed.receipt_us, armed.apply_us));
        victim.until_stopped();
        let ask = Ask::Bite { run: "run1".into(), injection: "i1".into() };
        let Ok(Answer::Bite(bite)) = client.call(ask) else { panic!("no bite") };
        assert_eq!(bite.hits, 1);
        let outcomes = disarm(&mut client, "run1");
        assert_eq!((outcomes.len(), outcomes[0].residue.len()), (1, 0));
        assert!(!victim.is_stopped());
        until_closed(&agent);
    }
    println!("command to armed, receipt µs, apply µs: {took:?}");
    assert_eq!(disarm(&mut client, "run1"), [], "a second time there is nothing to do");
    victim.assert_unchanged(&before);
}

#[test]
fn the_panic_button_works_through_a_running_agent() {
    if !met("the_panic_button_works_through_a_running_agent", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let mut agent = Agent::start(&victim);
    let mut client = agent.client();
    arm(&mut client, &victim.injection("process.pause", &[]));
    let report = undo_all(&agent.paths).unwrap();
    assert!(report.by_agent && report.stuck.is_empty());
    assert_eq!(report.restored.len(), 1);
    assert!(!victim.is_stopped());
    let Notice::Ended { why, .. } = client.notice(SOON).unwrap();
    assert_eq!(why, "undo");
    let ended = until("the agent ends", SOON, || agent.child.try_wait().unwrap()).0;
    assert!(ended.success());
}

#[test]
fn a_second_run_is_told_who_holds_the_target() {
    if !met("a_second_run_is_told_who_holds_the_target", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let (mut first, mut second) = (agent.client(), agent.client());
    arm(&mut first, &victim.injection("process.pause", &[]));
    let mut other = victim.injection("process.pause", &[]);
    other.run = "run2".into();
    let refused = second.call(Ask::Arm { injection: Box::new(other), radius_max: 1 });
    let Err(ClientError::Refused(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.code, "busy");
    assert!(refusal.message.contains("run1") && refusal.help.is_some());
    let Ok(Answer::Status { armed, stuck }) = second.call(Ask::Status) else { panic!() };
    assert_eq!((armed.len(), stuck.len()), (1, 0));
    assert_eq!((armed[0].run.as_str(), armed[0].by.as_str()), ("run1", "test"));
}

#[test]
fn bad_values_an_unknown_fault_and_a_gone_target_are_refused_untouched() {
    if !met("bad_values_an_unknown_fault_and_a_gone_target_are_refused_untouched", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mut client = agent.client();
    let mut gone = victim.injection("process.pause", &[]);
    gone.target.process.start_ticks += 1;
    let cases = [
        (victim.injection("process.pause", &[("tree", "perhaps")]), "values"),
        (victim.injection("process.rewind", &[]), "unknown"),
        (gone, "gone"),
    ];
    for (injection, code) in cases {
        let refused = client.call(Ask::Arm { injection: Box::new(injection), radius_max: 1 });
        let Err(ClientError::Refused(refusal)) = refused else { panic!("{refused:?}") };
        assert_eq!(refusal.code, code, "{}", refusal.message);
        assert!(!victim.is_stopped());
    }
    assert!(peek(&agent.paths.state_dir).unwrap().open.is_empty());
}

#[test]
fn garbage_is_refused_and_harms_nobody_else() {
    if !met("garbage_is_refused_and_harms_nobody_else", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mut client = agent.client();
    arm(&mut client, &victim.injection("process.pause", &[]));
    for garbage in ["{\"id\":1}\n", "\0\0\n", "hello\n", "{\"id\":1,\"ask\":{\"arm\":{}}}\n"] {
        let mut stream = UnixStream::connect(&agent.paths.socket).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(garbage.as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.contains("\"protocol\""), "{said}");
    }
    victim.until_stopped();
    assert_eq!(disarm(&mut client, "run1").len(), 1);
}

#[test]
fn a_full_disk_refuses_before_anything_is_touched() {
    if !met("a_full_disk_refuses_before_anything_is_touched", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    // A mount namespace of its own with one page of disk, which a file fills.
    let script = "mount -t tmpfs -o size=4k,mode=700 none \"$SQUALL_STATE\" && \
                  head -c 4096 /dev/zero > \"$SQUALL_STATE/fill\"; exec \"$0\" agent";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, ROLE]);
    let state = victim.lab.scratch().join("state");
    std::fs::create_dir_all(&state).unwrap();
    let run = victim.lab.scratch().join("run");
    let mut agent = Agent {
        paths: squall_agent::paths::Paths {
            socket: run.join("agent.sock"),
            sdk_socket: state.join("sdk.sock"),
            state_dir: state,
        },
        child: Command::new("true").spawn().unwrap(),
    };
    agent.child.wait().unwrap();
    command.env("SQUALL_STATE", &agent.paths.state_dir).env("SQUALL_SOCKET", &agent.paths.socket);
    agent.child = command.spawn().unwrap();
    let (mut client, _) =
        until("the agent answers", SOON, || Client::connect(&agent.paths.socket, "test").ok());
    let injection = Box::new(victim.injection("process.pause", &[]));
    let refused = client.call(Ask::Arm { injection, radius_max: 1 });
    let Err(ClientError::Refused(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.code, "journal", "{}", refusal.message);
    assert!(!victim.is_stopped());
}

#[test]
fn two_agents_never_share_a_home_and_an_idle_one_ends() {
    if !met("two_agents_never_share_a_home_and_an_idle_one_ends", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mut second = Command::new(ROLE);
    second.arg("agent").env("SQUALL_STATE", &agent.paths.state_dir);
    let second = second.env("SQUALL_SOCKET", &agent.paths.socket).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("already answers"));
    drop(agent);

    let paths = squall_agent::paths::Paths::below(&victim.lab.scratch().join("idle"));
    let args = ["--idle-exit-ms", "100"];
    let start = Instant::now();
    let client = spawn::ensure(&paths, ROLE.as_ref(), &args, "test").unwrap();
    println!("agent started and answering after {:?}", start.elapsed());
    let pid = client.greeting().pid;
    let again = spawn::ensure(&paths, ROLE.as_ref(), &args, "test").unwrap();
    assert_eq!(again.greeting().pid, pid);
    drop((client, again));
    until("the idle agent ends", SOON, || (!paths.socket.exists()).then_some(()));
}

#[test]
fn an_agent_at_rest_is_small_and_still() {
    if !met("an_agent_at_rest_is_small_and_still", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mut client = agent.client();
    for pid in [client.greeting().pid, client.greeting().watchdog] {
        let whole = resident_kib(pid, "VmRSS:");
        println!("at rest, rss of {pid}: {whole} KiB");
        assert!(whole <= 15 * 1024);
    }
    // Every fault once, so that whatever they keep loaded is counted.
    for case in CASES.iter().filter(|case| matches!(case.seen, Seen::While(_))) {
        let entry = catalog::find(case.fault).unwrap();
        if let Err(why) = doctor::available(entry.fault) {
            println!("SKIP {} at rest: {why}", case.fault);
            continue;
        }
        let victim = (case.victim)();
        // A process with the SDK registers with its own lab's agent, not with this one.
        if !victim.target.probes.is_empty() {
            continue;
        }
        arm(&mut client, &case.injection(&victim));
        disarm(&mut client, "run1");
        until_closed(&agent);
    }
    let pids = [client.greeting().pid, client.greeting().watchdog];
    let ticks = || pids.map(|pid| squall_faults::sys::process::stat(pid).unwrap().cpu_ticks);
    let before = ticks();
    let start = Instant::now();
    until("a second passes", SOON, || (start.elapsed() > Duration::from_secs(1)).then_some(()));
    let used: u64 = ticks().iter().zip(before).map(|(after, before)| after - before).sum();
    assert!(used <= 1, "{used} ticks in a second at rest");
    for pid in pids {
        let (whole, own) = (resident_kib(pid, "VmRSS:"), resident_kib(pid, "RssAnon:"));
        println!("after every fault, rss of {pid}: {whole} KiB, {own} KiB of it its own");
        // The rest are pages of this build's code, unoptimized and not the one people run: `bench
        // rest` holds the whole of a release build that has used faults against 15 MB.
        assert!(own <= 8 * 1024);
    }
}

/// What a process has in memory.
fn resident_kib(pid: u32, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_warm_agent_arms_within_milliseconds() {
    if !met("a_warm_agent_arms_within_milliseconds", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mut client = agent.client();
    for fault in ["process.pause", "net.refuse"] {
        let (mut whole, mut unsynced, mut undo) = (Vec::new(), Vec::new(), Vec::new());
        let mut apply = Vec::new();
        for _ in 0..41 {
            let injection = victim.injection(fault, &[]);
            let start = Instant::now();
            let armed = arm(&mut client, &injection);
            let took = start.elapsed();
            whole.push(took);
            apply.push(Duration::from_micros(armed.apply_us));
            unsynced.push(took.saturating_sub(Duration::from_micros(armed.receipt_us)));
            let start = Instant::now();
            disarm(&mut client, "run1");
            undo.push(start.elapsed());
            until_closed(&agent);
        }
        let line = |name: &str, took: &mut Vec<Duration>| {
            took.sort_unstable();
            println!("{fault} {name}: {:?} / {:?} / {:?}", took[0], took[20], took[40]);
            took[0]
        };
        // Ten times the promise, for the quickest: this is a debug build on a machine that may be
        // busy, which makes any of them late.
        assert!(line("command to effect", &mut whole) < Duration::from_millis(50));
        assert!(line("without the disk's sync", &mut unsynced) < Duration::from_millis(10));
        line("receipt to effect", &mut apply);
        line("command to undone", &mut undo);
    }
}
