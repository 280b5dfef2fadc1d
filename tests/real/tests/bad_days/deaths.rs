//! What is watched, or hurt, dies while a fault is in place.

use super::day::{Day, Says};
use crate::victim::{DIALS, ROLE, SERVES, alone};
use rustix::process::{Pid, Signal, kill_process};
use squall_real::needs::{Need, met};
use squall_wire::record::{Event, Phase, Word};

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
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
        kill(pid);
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
    let says = Says {
        signals: "- scrape: http://127.0.0.1:8090/metrics".into(),
        query: "sum(rate(dials_total{result=\"ok\"}[2s])) / sum(rate(dials_total[2s]))".into(),
        ..day.says("process.pause")
    };
    let mut run = day.start(&says);
    run.until_phase(Phase::Holding);
    kill(day.victim.lab.pid("steady"));
    let phrases = ["no data for too long: success", "exit 4, inconclusive"];
    let over = run.end().expect("scrape target killed", 4, &phrases);
    assert!(over.told(|event| matches!(event, Event::Warning { code, .. } if code == "source")));
    over.was_undone(&day);
    day.assert_restored();
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
    assert!(!DIALS.is_empty() && day.victim.dials().0 > 0, "it serves and dials again");
}
