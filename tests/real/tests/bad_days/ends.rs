//! Whoever ends a run, in whichever phase: the target goes on and the exit code says how it ended.

use super::day::{Day, Running, Says};
use crate::victim::{SOON, alone};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use squall_real::needs::{Need, met};
use squall_real::squall;
use squall_real::until::until;
use squall_wire::record::{Event, Phase};
use std::fs::File;
use std::process::{Command, Stdio};

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];

#[test]
fn a_signal_ends_a_run_in_every_phase_and_restores() {
    if !met("a_signal_ends_a_run_in_every_phase_and_restores", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let names = [
        (Signal::INT, "stopped by Ctrl-C"),
        (Signal::TERM, "stopped by SIGTERM"),
        (Signal::HUP, "stopped by the closing of its terminal"),
    ];
    for (signal, by) in names {
        for phase in [Phase::Baseline, Phase::Holding, Phase::Recovering] {
            let mut says = day.says("process.pause");
            if phase == Phase::Recovering {
                says.hold = "500ms";
            }
            let mut run = day.start(&says);
            run.until_phase(phase);
            if phase == Phase::Holding {
                day.victim.until_stopped();
            }
            run.signal(signal);
            if signal == Signal::INT {
                // A second one finds a run that is ending, and skips nothing of it.
                run.signal(signal);
            }
            let what = format!("{by} in {phase:?}");
            match phase {
                Phase::Baseline => {
                    let over = run.end().expect(&what, 3, &[by, "before any fault"]);
                    over.touched_nothing();
                }
                Phase::Holding => {
                    let phrases = [by, "of 30 s", "exit 3, aborted and restored"];
                    run.end().expect(&what, 3, &phrases).was_undone(&day);
                }
                _ => {
                    // The hold was served in full, so there may be a verdict already.
                    let over = run.end();
                    assert!([0, 3, 4].contains(&over.ran.code), "{over:?}");
                    let code = over.ran.code;
                    over.expect(&what, code, &["exit "]).was_undone(&day);
                }
            }
            day.assert_restored();
        }
    }
}

#[test]
fn kill_9_of_a_run_leaves_nothing_in_any_phase() {
    if !met("kill_9_of_a_run_leaves_nothing_in_any_phase", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let all = [Phase::Baseline, Phase::Injecting, Phase::Holding, Phase::Reverting];
    for phase in all.into_iter().chain([Phase::Recovering]) {
        let mut says = day.says("process.pause");
        if phase >= Phase::Reverting {
            says.hold = "500ms";
        }
        let mut run = day.start(&says);
        run.until_phase(phase);
        if phase == Phase::Holding {
            day.victim.until_stopped();
        }
        run.signal(Signal::KILL);
        let over = run.end().expect(&format!("kill -9 in {phase:?}"), 137, &[]);
        let took = until("the agent restores", SOON, || {
            let ran = squall::run(&day.victim.lab, &["faults", "--armed"]);
            (!day.victim.is_stopped() && ran.out.contains("Nothing is armed")).then_some(())
        });
        println!("    restored after {:?}", took.1);
        day.assert_restored();
        assert!(!over.told(|event| matches!(event, Event::Verdict(_))));
    }
}

#[test]
fn what_a_run_finds_on_the_host_afterwards_is_a_verdict_of_its_own() {
    if !met("what_a_run_finds_on_the_host_afterwards_is_a_verdict_of_its_own", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let says = Says { hold: "700ms", ..day.says("process.pause") };
    let mut run = day.start(&says);
    run.until_phase(Phase::Holding);
    // As a fault would that leaves a rule behind.
    let rule = |verb: &str| {
        let mut ip = day.victim.lab.command("ip");
        ip.args(["rule", verb, "from", "192.0.2.1", "lookup", "main"]);
        assert!(ip.status().unwrap().success());
    };
    rule("add");
    let over = run.end();
    rule("del");
    over.expect("a rule that stayed", 5, &["rules", "a person must act"]);
    day.assert_restored();
}

#[test]
fn undo_in_the_middle_of_a_run_restores_and_ends_it() {
    if !met("undo_in_the_middle_of_a_run_restores_and_ends_it", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    for fault in ["process.pause", "net.refuse"] {
        let says = day.says(fault);
        let mut run = day.start(&says);
        run.until_phase(Phase::Holding);
        let id = run.id();
        let undo = squall::run(&day.victim.lab, &["undo"]).expect_code(0);
        assert!(undo.out.contains(&format!("run {id}, injection i1")), "{}", undo.out);
        assert!(undo.out.ends_with("exit 0, restored\n"), "{}", undo.out);
        let again = squall::run(&day.victim.lab, &["undo"]).expect_code(0);
        assert!(again.out.contains("Nothing was armed on this host."), "{}", again.out);
        let over = run.end().expect(&format!("undo while {fault} holds"), 3, &["undo"]);
        over.was_undone(&day);
        day.assert_restored();
    }
}

#[test]
fn a_second_run_on_the_same_target_is_refused_while_the_first_holds_it() {
    if !met("a_second_run_on_the_same_target_is_refused_while_the_first_holds_it", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let says = day.says("process.pause");
    let mut first = day.start(&says);
    first.until_phase(Phase::Holding);
    let says = day.says("net.refuse");
    let second = day.start(&says).end();
    let held = format!("is held by run {} (process.pause)", first.id());
    let phrases = [held.as_str(), "wait for that run to end, or `squall undo`", "exit 2, refused"];
    second.expect("a second run", 2, &phrases).touched_nothing();
    day.victim.until_stopped();
    first.signal(Signal::TERM);
    first.end().expect("the first run", 3, &["SIGTERM"]).was_undone(&day);
    day.assert_restored();
}

#[test]
fn a_closed_terminal_ends_a_run_and_restores() {
    if !met("a_closed_terminal_ends_a_run_and_restores", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let says = day.says("process.pause");
    let (words, records) = day.words(&says);
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let terminal = || File::options().read(true).write(true).open(&name).unwrap();
    let whole = day.squall(&[]);
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(whole.get_program()).args(whole.get_args()).args(&words);
    let set = whole.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.envs(set).env("TERM", "xterm").current_dir(day.victim.lab.scratch());
    command.stdin(terminal()).stdout(terminal()).stderr(terminal());
    let child = command.spawn().unwrap();
    drop(command);
    let mut run = Running::of(child, records);
    // A person reads along until the block says that the fault holds.
    let mut shown = String::new();
    rustix::io::ioctl_fionbio(&master, true).unwrap();
    until("the terminal shows the hold", SOON, || {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = rustix::io::read(&master, &mut bytes) {
            shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        shown.contains("Holding").then_some(())
    });
    assert!(shown.contains("Ctrl-C stops and restores"), "{shown}");
    run.until_phase(Phase::Holding);
    day.victim.until_stopped();
    drop(master);
    let over = run.end().expect("its terminal was closed", 3, &[]);
    assert!(over.verdict().sentence.contains("the closing of its terminal"));
    over.was_undone(&day);
    day.assert_restored();
}

#[test]
fn readers_that_go_away_end_nothing() {
    if !met("readers_that_go_away_end_nothing", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let says = Says { hold: "1s", ..day.says("process.pause") };
    let (words, records) = day.words(&says);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut child =
        day.squall(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let readers = (child.stdout.take(), child.stderr.take());
    let mut run = Running::of(child, records);
    run.until_phase(Phase::Holding);
    drop(readers);
    // It runs to its end, and its exit code says how it ended.
    let over = run.end();
    assert!([0, 4].contains(&over.ran.code), "{over:?}");
    assert_eq!(over.ran.code, i32::from(over.verdict().exit));
    let code = over.ran.code;
    over.expect("stdout and stderr closed while it holds", code, &[]).was_undone(&day);
    day.assert_restored();
}

/// Who pipes a run into another program waits for every holder of the pipe.
#[test]
fn a_pipe_ends_with_the_run_and_not_with_the_idle_agent() {
    if !met("a_pipe_ends_with_the_run_and_not_with_the_idle_agent", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let mut says = day.says("process.pause");
    says.hold = "500ms";
    let (words, _) = day.words(&says);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = day.squall(&words).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.code().is_some());
    let socket = day.victim.lab.scratch().join("run/agent.sock");
    assert!(socket.exists(), "the agent was still there when the pipe ended");
}
