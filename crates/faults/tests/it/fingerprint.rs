//! The fingerprint shows every fault while it acts, and nothing of it afterwards.

use crate::bench::{Own, OwnGroup, Use, eventually, is_root, prepare, target};
use crate::cpu_load::work_with_this;
use squall_faults::sys::fingerprint::fingerprint;
use std::process::Command;
use std::time::Instant;

/// What two readings differ in, without the category of tests that run beside this one.
fn differences(used: &Use, pid: u32) -> (Vec<String>, Vec<String>) {
    let before = fingerprint(&[pid]);
    let holder = used.apply();
    let during = fingerprint(&[pid]);
    drop(holder);
    used.revert();
    let after = fingerprint(&[pid]);
    let line = |d: squall_wire::fingerprint::Difference| format!("{}: {}", d.category, d.fact);
    (
        before.differences(&during).into_iter().map(line).collect(),
        before.differences(&after).into_iter().map(line).collect(),
    )
}

/// Tests run side by side, so what others do may show; what this one does must.
#[track_caller]
fn check(used: &Use, pid: u32, expected: &str) {
    let (during, after) = differences(used, pid);
    assert!(during.iter().any(|line| line.contains(expected)), "{during:?}");
    assert!(!after.iter().any(|line| line.contains(expected)), "{after:?}");
    println!("{expected}: {during:?} then {after:?}");
}

#[test]
fn every_fault_shows_while_it_acts_and_not_after() {
    if !is_root("fingerprint of faults") {
        return;
    }
    let group = OwnGroup::new("print");
    let child = Own::spawn(Command::new("sleep").arg("301"));
    group.take(child.pid());
    let pid = child.pid();
    let own = || target(pid, Vec::new());
    let path = own().cgroup;
    let paused = prepare("process.pause", own(), &[], &[]).unwrap();
    check(&paused, pid, "stopped processes: sleep: sleep 301");
    let refused = prepare("net.refuse", own(), &[], &[]).unwrap();
    check(&refused, pid, &format!("bpf links: cgroup {path} attach"));
    work_with_this();
    let loaded = prepare("cpu.load", own(), &[("percent", "5%")], &[]).unwrap();
    // The worker names itself a moment after it was started.
    let holder = loaded.apply();
    let works = |print: &squall_wire::fingerprint::Fingerprint| {
        print.facts["squall processes"].iter().any(|fact| fact.starts_with("squall-work"))
    };
    eventually("the worker shows", || works(&fingerprint(&[pid])));
    drop(holder);

    let mut service = crate::server::start();
    let line = service.line();
    let listening = line.split(' ').map(|address| address.parse().unwrap()).collect();
    let pid = service.pid();
    let target = target(pid, listening);
    let netns = target.netns;
    let delayed = prepare("http.delay", target, &[("mean", "50ms")], &[]).unwrap();
    check(&delayed, pid, &format!("bpf links: net:[{netns}]"));
}

#[test]
fn a_limit_a_route_and_a_child_group_show() {
    if !is_root("fingerprint of changes") {
        return;
    }
    let group = OwnGroup::new("change");
    let mut service = crate::server::start();
    let _addresses = service.line();
    let pid = service.pid();
    group.take(pid);
    let before = fingerprint(&[pid]);
    assert!(before.facts.len() + before.unread.len() >= 16, "{before:?}");
    println!("unread: {:?}", before.unread);
    let child = group.0.join("squall-inner");
    std::fs::create_dir(&child).unwrap();
    std::fs::write(group.0.join("cgroup.freeze"), "1").unwrap();
    let after = fingerprint(&[pid]);
    std::fs::write(group.0.join("cgroup.freeze"), "0").unwrap();
    std::fs::remove_dir(&child).unwrap();
    let named = |category: &str| {
        let here = |d: &&squall_wire::fingerprint::Difference| d.category == category;
        let text = group.0.to_str().unwrap();
        before.differences(&after).iter().filter(here).any(|d| d.fact.contains(text))
    };
    assert!(named("cgroups") && named("frozen cgroups"), "{:?}", before.differences(&after));
}

#[test]
fn it_is_read_in_a_few_milliseconds() {
    let own = std::process::id();
    let mut times: Vec<_> = (0..20)
        .map(|_| {
            let started = Instant::now();
            let print = fingerprint(&[own]);
            assert!(!print.facts.is_empty());
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("fingerprint: min {:?}, median {:?}, max {:?}", times[0], times[10], times[19]);
}
