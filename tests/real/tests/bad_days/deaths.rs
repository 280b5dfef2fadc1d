//! What is watched, or hurt, dies while a fault is in place.

use super::day::{Day, Running, Says};
use crate::victim::{ROLE, SERVES, SOON, alone};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use squall_real::needs::{Need, met};
use squall_real::until::until;
use squall_wire::record::{Event, Phase, Word};
use std::os::fd::OwnedFd;
use std::process::Stdio;

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];

fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

/// A process that hangs, and does not outlive a test that failed.
struct Hung(OwnedFd);

impl Hung {
    fn stop(pid: u32) -> Hung {
        let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
        let handle = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        pidfd_send_signal(&handle, Signal::STOP).unwrap();
        Hung(handle)
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        let _dead_already = pidfd_send_signal(&self.0, Signal::KILL);
    }
}

#[test]
fn a_target_that_is_killed_under_a_fault_ends_the_run_and_its_successor_is_untouched() {
    let name = "a_target_that_is_killed_under_a_fault_ends_the_run_and_its_successor_is_untouched";
    if !met(name, NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let faults = [("process.pause", ""), ("net.refuse", ""), ("http.delay", "{mean: 50ms}")];
    for (number, (fault, with)) in faults.into_iter().enumerate() {
        let name = format!("target-{number}");
        let serves = format!("127.0.0.1:{}", 8100 + 2 * number);
        let dials = format!("127.0.0.1:{}", 8101 + 2 * number);
        let target = |day: &mut Day, name: &str| {
            let pid = day.victim.lab.start(name, ROLE.as_ref(), &["target", &serves, &dials]);
            day.victim.lab.wait_port(serves.parse().unwrap());
            pid
        };
        let pid = target(&mut day, &name);
        let mut says = Says { target: format!("{{pid: {pid}}}"), ..day.says(fault) };
        if !with.is_empty() {
            says.target = format!("{{pid: {pid}}}\n      with: {with}");
        }
        let mut run = day.start(&says);
        run.until_phase(Phase::Holding);
        send(pid, Signal::KILL);
        let next = target(&mut day, &format!("{name}-next"));
        let phrases = ["target gone", "exit 3, aborted and restored"];
        let over = run.end().expect(&format!("target killed under {fault}"), 3, &phrases);
        assert_eq!(over.verdict().word, Word::Aborted);
        assert!(over.verdict().restored);
        day.assert_restored();
        let state = squall_faults::sys::process::stat(next).map(|stat| stat.state);
        assert_ne!(state, Some('T'), "the one that came after is not paused");
        assert_eq!(day.get_at(&serves).as_deref(), Some("hello"));
    }
}

#[test]
fn a_source_that_dies_under_a_fault_is_never_a_pass() {
    if !met("a_source_that_dies_under_a_fault_is_never_a_pass", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    // One that hangs says as little as one that is gone.
    for end in [Signal::STOP, Signal::KILL] {
        let says = Says {
            signals: "- scrape: http://127.0.0.1:8090/metrics".into(),
            query: "sum(rate(dials_total{result=\"ok\"}[2s])) / sum(rate(dials_total[2s]))".into(),
            ..day.says("process.pause")
        };
        let mut run = day.start(&says);
        run.until_phase(Phase::Holding);
        send(day.victim.lab.pid("steady"), end);
        let phrases = ["no data for too long: success", "exit 4, inconclusive"];
        run.until_told("the run gives up", |event| matches!(event, Event::Abort { .. }));
        // Before the host is compared: a stopped process is a difference, whoever stopped it.
        send(day.victim.lab.pid("steady"), Signal::CONT);
        let over = run.end().expect(&format!("scrape target, {end:?}"), 4, &phrases);
        assert!(
            over.told(|event| matches!(event, Event::Warning { code, .. } if code == "source"))
        );
        over.was_undone(&day);
        day.assert_restored();
    }
}

#[test]
fn kill_9_of_agent_and_watchdog_under_a_run() {
    if !met("kill_9_of_agent_and_watchdog_under_a_run", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let says = day.says("process.pause");
    let mut run = day.start(&says);
    run.until_phase(Phase::Holding);
    // A watchdog is replaced, and the run does not notice.
    let (agent, watchdog) = day.guards();
    send(watchdog, Signal::KILL);
    until("a new watchdog", SOON, || (day.guards().1 != watchdog).then_some(()));
    day.victim.until_stopped();
    assert!(run.child.try_wait().unwrap().is_none(), "the run goes on");
    // An agent is not: its watchdog restores, and the run finds another one to prove it.
    send(agent, Signal::KILL);
    let took = day.victim.until_running("the watchdog restores");
    println!("    restored after {took:?}");
    let over = run.end().expect("agent killed", 3, &["the agent is gone", "exit 3"]);
    assert!(over.told(|e| matches!(e, Event::Restore { by, .. } if by == "watchdog")));
    over.was_undone(&day);
    day.assert_restored();
}

#[test]
fn a_hung_agent_is_replaced_also_where_nobody_reads_what_its_watchdog_says() {
    let name = "a_hung_agent_is_replaced_also_where_nobody_reads_what_its_watchdog_says";
    if !met(name, NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let says = Says { hold: "30s\n      lease: 1s", ..day.says("process.pause") };
    let (words, records) = day.words(&says);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = day.squall(&words);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let readers = (child.stdout.take(), child.stderr.take());
    let mut run = Running::of(child, records);
    run.until_phase(Phase::Holding);
    // From here on a word on standard error is an error for run, agent and watchdog.
    drop(readers);
    let _hung = Hung::stop(day.guards().0);
    let took = day.victim.until_running("the watchdog restores");
    println!("    restored after {took:?} of a lease of 1 s");
    let over = run.end().expect("agent hung, stderr closed", 3, &[]);
    over.was_undone(&day);
    day.assert_restored();
}

#[test]
fn a_run_that_hangs_loses_its_lease() {
    if !met("a_run_that_hangs_loses_its_lease", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let says = Says { hold: "30s\n      lease: 1s", ..day.says("process.pause") };
    let mut run = day.start(&says);
    run.until_phase(Phase::Holding);
    day.victim.until_stopped();
    run.signal(Signal::STOP);
    let took = day.victim.until_running("the agent restores");
    println!("    restored after {took:?} of a lease of 1 s");
    day.assert_restored();
    run.signal(Signal::CONT);
    let over = run.end().expect("a run that hung", 3, &["ended before its time: lease"]);
    over.was_undone(&day);
}

#[test]
fn a_service_that_breaks_under_a_fault_refutes_and_is_restored() {
    if !met("a_service_that_breaks_under_a_fault_refutes_and_is_restored", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    // The traffic goes to the very process that is paused.
    let traffic = format!(r#"- traffic: {{url: "http://{SERVES}/", rate: 100/s, timeout: 200ms}}"#);
    let says = Says { signals: traffic, ..day.says("process.pause") };
    let phrases = ["REFUTED", "residue 0", "exit 1, refuted"];
    day.start(&says).end().expect("the target is watched", 1, &phrases).was_undone(&day);
    day.assert_restored();
    assert!(day.victim.dials().0 > 0, "it serves and dials again");
}
