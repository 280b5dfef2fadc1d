//! The agent's place is taken, or the host offers less than a fault needs.

use super::day::Day;
use crate::victim::{SOON, alone};
use rustix::process::Signal;
use squall_real::needs::{Need, met};
use squall_real::squall;
use squall_real::until::until;
use squall_wire::record::Phase;
use std::process::Stdio;

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];

/// What loading programs into the kernel takes, and nothing else.
const WITHOUT_BPF: &str = "--bounding-set=-sys_admin,-bpf,-perfmon,-net_admin";

#[test]
fn a_second_agent_and_a_file_at_the_socket_are_told_apart() {
    if !met("a_second_agent_and_a_file_at_the_socket_are_told_apart", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let socket = day.victim.lab.scratch().join("run/agent.sock");
    // A file that is no socket is somebody's: it is neither used nor removed.
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    std::fs::write(&socket, "precious").unwrap();
    let ran = squall::run(&day.victim.lab, &["agent"]).expect_code(2);
    println!("agent, a file at its socket: exit 2\n{}{}", ran.err, ran.out);
    assert!(ran.err.contains("is there and is no socket"), "{}", ran.err);
    assert!(ran.err.contains("`SQUALL_SOCKET` can name another path"), "{}", ran.err);
    assert!(ran.out.ends_with("exit 2, refused\n"), "{}", ran.out);
    let says = day.says("process.pause");
    let over = day.start(&says).end();
    let phrases = ["is there and is no socket", "exit 2, refused"];
    over.expect("run, a file at the socket", 2, &phrases).touched_nothing();
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "precious");
    std::fs::remove_file(&socket).unwrap();
    // An agent is there: a second one goes, and a run uses the first.
    let mut first = day.squall(&["agent"]).stdout(Stdio::null()).spawn().unwrap();
    until("the agent listens", SOON, || socket.exists().then_some(()));
    let ran = squall::run(&day.victim.lab, &["agent"]).expect_code(2);
    println!("a second agent: exit 2\n{}{}", ran.err, ran.out);
    assert!(ran.err.contains("an agent already answers on"), "{}", ran.err);
    let mut run = day.start(&says);
    run.until_phase(Phase::Holding);
    day.victim.until_stopped();
    run.signal(Signal::TERM);
    run.end().expect("a run with an agent that was there", 3, &["SIGTERM"]).was_undone(&day);
    assert!(first.try_wait().unwrap().is_none(), "it serves on");
    squall::run(&day.victim.lab, &["undo"]).expect_code(0);
    assert!(until("it ends", SOON, || first.try_wait().unwrap()).0.success());
    day.assert_restored();
}

#[test]
fn without_bpf_its_faults_are_refused_and_the_others_work() {
    if !met("without_bpf_its_faults_are_refused_and_the_others_work", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let less = |words: &[&str]| {
        let mut command = day.squall(&[]);
        // The bounding set only drops; root gets what is left of it when the program starts.
        let program = command.get_args().last().unwrap().to_owned();
        let net = command.get_args().next().unwrap().to_owned();
        command = std::process::Command::new("nsenter");
        command.arg(net).args(["--", "setpriv", WITHOUT_BPF]).arg(program).args(words);
        let set = day.squall(&[]);
        let set = set.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.envs(set).current_dir(day.victim.lab.scratch()).stdin(Stdio::null());
        command
    };
    let doctor = squall::Ran::of(&less(&["doctor"]).output().unwrap()).expect_code(0);
    println!("{}", doctor.out);
    let line = |name: &str| {
        let found = doctor.out.lines().find(|line| line.starts_with(name));
        found.unwrap_or_default().to_owned()
    };
    assert!(line("bpf cgroup/connect").contains(" no "), "{}", doctor.out);
    assert!(line("net.refuse").contains(" no "), "{}", doctor.out);
    assert!(line("process.pause").contains(" yes "), "{}", doctor.out);
    let mut agent = less(&["agent"]).stdout(Stdio::null()).spawn().unwrap();
    let socket = day.victim.lab.scratch().join("run/agent.sock");
    until("the agent listens", SOON, || socket.exists().then_some(()));
    for (fault, with) in [("net.refuse", ""), ("http.delay", "\n      with: {mean: 50ms}")] {
        let mut says = day.says(fault);
        says.target += with;
        let over = day.start(&says).end();
        let phrases = ["was refused", "not available here", "`squall doctor`", "exit 2, refused"];
        over.expect(&format!("{fault} without BPF"), 2, &phrases).touched_nothing();
        day.assert_restored();
    }
    let (_, refused) = day.victim.dials();
    assert_eq!(refused, 0, "its connections were never refused");
    let says = day.says("process.pause");
    let mut run = day.start(&says);
    run.until_phase(Phase::Holding);
    day.victim.until_stopped();
    run.signal(Signal::TERM);
    run.end().expect("process.pause without BPF", 3, &["SIGTERM"]).was_undone(&day);
    squall::run(&day.victim.lab, &["undo"]).expect_code(0);
    assert!(until("it ends", SOON, || agent.try_wait().unwrap()).0.success());
    day.assert_restored();
}
