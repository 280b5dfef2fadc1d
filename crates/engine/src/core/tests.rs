//! Whole runs of the core, each told in one line.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
use super::agent::Asked;
use super::sticky::Sticky;
use super::world::*;
use super::{Event, ScriptStep};
use squall_wire::record::{AbortCause, Outcome, Phase, Toggled, Unit};

fn check(world: &mut World, expected: &str) {
    assert_eq!(world.run().story(), expected);
    assert!(world.armed.is_empty() || !world.core.restored(), "nothing is left in place silently");
}

fn held() -> World {
    World::new(script())
}

#[test]
fn a_service_that_keeps_its_promise_is_held() {
    let mut world = held();
    check(
        &mut world,
        "Baseline · met · Injecting · inject i1 · Holding · bite 7 · Reverting · bite 7 · \
         restore i1 by engine · Recovering · compared 2/2 · recover Some(1000) Some(21000) · met · \
         Judging · Held 0",
    );
    let verdict = world.verdict.unwrap();
    assert_eq!(verdict.indicators[0].total, Some(30_000));
    assert_eq!(verdict.indicators[0].outcome, Outcome::Pass);
    assert_eq!(verdict.sentence, "order success stayed >= 99.95%: 0 of 30,000 failed");
    assert!((verdict.indicators[0].interval.unwrap().1 - 0.000_4).abs() < 0.000_1);
}

#[test]
fn two_bad_samples_abort_restore_and_refute() {
    let mut world = held();
    world.reading = |phase, _| counted(500, if phase == Phase::Holding { 100 } else { 0 });
    check(
        &mut world,
        "Baseline · met · Injecting · inject i1 · Holding · strike 1/2 · bite 7 · strike 2/2 · \
         abort Rule · Reverting · bite 7 · restore i1 by engine · Recovering · compared 2/2 · \
         recover Some(1000) Some(21000) · met · Judging · Refuted 1",
    );
    let verdict = world.verdict.unwrap();
    assert_eq!(verdict.sentence, "order success did not stay >= 99.95%: 200 of 1,000 failed");
    assert_eq!(verdict.excess_bad, 199);
}

#[test]
fn a_broken_baseline_injects_nothing() {
    let mut world = held();
    world.reading = |_, _| counted(500, 10);
    check(&mut world, "Baseline · not met · abort Baseline · Judging · Invalid 4");
    assert_eq!(
        world.verdict.unwrap().sentence,
        "the steady state does not hold before any fault: order success 98.0 % >= 99.95%"
    );
    let mut silent = held();
    silent.reading = |_, _| gap("scrape failed");
    check(&mut silent, "Baseline · not met · abort NoData · Judging · Inconclusive 4");
}

#[test]
fn bursts_of_the_baseline_are_expected_during_the_fault() {
    let mut script = script();
    script.baseline_us = 10 * SECOND_US;
    script.indicators[0].bad_share = Some(0.05);
    let mut world = World::new(script);
    world.reading = |_, pull| counted(500, if pull % 4 == 0 { 60 } else { 0 });
    let story = world.run().story();
    assert!(story.contains("met · warning bursts") && !story.contains("strike"), "{story}");
}

#[test]
fn a_fault_without_effect_is_invalid() {
    let mut world = held();
    world.hits = 0;
    check(
        &mut world,
        "Baseline · met · Injecting · inject i1 · Holding · Reverting · bite 0 · \
         restore i1 by engine · Recovering · compared 2/2 · recover Some(1000) Some(21000) · met · \
         Judging · Invalid 4",
    );
}

#[test]
fn another_dose_than_asked_is_invalid_and_says_both() {
    let mut world = held();
    world.dose = Some(52.0);
    let story = world.run().story();
    assert!(story.ends_with("Invalid 4"), "{story}");
    let verdict = world.verdict.expect("a run ends with a verdict");
    let expected = "http.delay on payment-1 missed its dose: 52 delivered, 80 asked, \
                    at most 5 off allowed; asked 80%, got 52%";
    assert_eq!(verdict.sentence, expected);
    assert!(verdict.advice[0].contains("a dose that this host can give"), "{verdict:?}");
    let mut close = held();
    close.dose = Some(76.0);
    let story = close.run().story();
    assert!(story.ends_with("Held 0"), "{story}");
}

#[test]
fn silence_during_the_fault_ends_it() {
    let mut world = held();
    world.reading = |phase, _| if phase == Phase::Holding { gap("stale") } else { counted(500, 0) };
    let story = world.run().story();
    assert!(story.contains("abort NoData · Reverting"), "{story}");
    assert!(story.ends_with("Inconclusive 4"), "{story}");
}

#[test]
fn a_refused_fault_changes_nothing_and_says_who_refused() {
    let mut world = held();
    world.refuses = true;
    check(
        &mut world,
        "Baseline · met · Injecting · abort InjectFailed · Reverting · Recovering · \
         compared 2/2 · Judging · Aborted 2",
    );
    let sentence = world.verdict.unwrap().sentence;
    assert!(sentence.ends_with("was refused: run 8c0d4 holds payment-1"), "{sentence}");
}

#[test]
fn a_fault_that_is_stuck_by_half_is_no_refusal() {
    let mut world = held();
    world.half_stuck = true;
    let story = world.run().story();
    assert!(story.contains("STUCK i1") && story.ends_with("Aborted 5"), "{story}");
}

#[test]
fn a_signal_in_every_phase_ends_restored() {
    let by = || Event::Stop { by: "Ctrl-C".into() };
    for (phase, exit) in [
        (Phase::Baseline, 3),
        (Phase::Injecting, 3),
        (Phase::Holding, 3),
        (Phase::Reverting, 3),
        (Phase::Recovering, 3),
    ] {
        let mut world = held();
        world.until_phase(phase);
        world.give(by());
        world.give(by());
        world.run();
        assert_eq!(world.exit, Some(exit), "{phase:?}: {}", world.story());
        assert!(world.armed.is_empty() && world.core.acting() == 0, "{phase:?}");
    }
}

#[test]
fn a_signal_after_the_rule_fired_leaves_it_refuted() {
    let mut world = held();
    world.reading = |phase, _| counted(500, if phase == Phase::Holding { 100 } else { 0 });
    world.until_phase(Phase::Recovering);
    world.give(Event::Stop { by: "SIGTERM".into() });
    assert_eq!(world.run().exit, Some(1));
}

#[test]
fn an_agent_that_dies_is_replaced_and_asked_what_it_holds() {
    let mut world = held();
    world.until_phase(Phase::Holding);
    world.lose_agent();
    assert_eq!(world.core.phase(), Phase::Reverting);
    assert_eq!(world.reconnects, 1);
    world.armed.clear();
    world.agent_back();
    check(
        &mut world,
        "Baseline · met · Injecting · inject i1 · Holding · abort AgentLost · Reverting · \
         restore i1 by watchdog · Recovering · compared 2/2 · Judging · Aborted 3",
    );
}

#[test]
fn an_agent_that_comes_back_with_the_fault_is_told_to_undo_it() {
    let mut world = held();
    world.until_phase(Phase::Holding);
    world.lose_agent();
    world.agent_back();
    assert_eq!(world.run().exit, Some(3));
    assert!(world.armed.is_empty());
}

#[test]
fn no_agent_in_time_needs_a_person() {
    let mut world = held();
    world.until_phase(Phase::Holding);
    world.lose_agent();
    assert_eq!(world.run().exit, Some(5));
    assert_eq!(world.verdict.as_ref().unwrap().advice, ["squall undo"]);
    assert!(!world.core.restored());
}

#[test]
fn an_agent_that_never_comes_leaves_the_host_alone() {
    let mut world = held();
    world.run_until(|w| w.core.phase() == Phase::Baseline);
    world.lose_agent();
    world.run();
    assert_eq!(world.exit, Some(3), "{}", world.story());
}

#[test]
fn an_agent_that_cannot_be_started_ends_the_baseline_at_once() {
    let mut world = held();
    world.up = false;
    world.give(Event::AgentLost { why: "nobody listens".into() });
    world.give(Event::AgentFailed { why: "not root".into() });
    assert_eq!((world.exit, world.now_us), (Some(2), 0), "{}", world.story());
}

#[test]
fn an_agent_that_does_not_answer_counts_as_lost() {
    for silent in ["arm", "disarm", "renew"] {
        let mut world = held();
        world.silent.insert(silent);
        world.run_until(|w| w.reconnects > 0);
        world.silent.clear();
        world.agent_back();
        world.run();
        assert!(matches!(world.exit, Some(0 | 3)), "{silent}: {}", world.story());
        assert!(world.armed.is_empty(), "{silent}");
    }
}

#[test]
fn an_agent_that_never_undoes_needs_a_person_and_the_run_ends() {
    let mut world = held();
    world.silent.insert("disarm");
    for lost in 1..=3 {
        world.run_until(|w| w.reconnects >= lost);
        world.agent_back();
    }
    world.run();
    assert_eq!(world.exit, Some(5), "{}", world.story());
    assert_eq!(world.armed.len(), 1);
}

#[test]
fn residue_is_exit_five_whatever_the_data_says() {
    let mut world = held();
    world.residue = vec!["process 1 is still stopped".into()];
    let story = world.run().story();
    assert!(story.contains("STUCK i1") && story.ends_with("Held 5"), "{story}");
    let verdict = world.verdict.as_ref().unwrap();
    assert!(!verdict.restored && verdict.advice[0] == "kill -CONT 1");
}

#[test]
fn a_fact_that_stays_is_a_residue_and_one_that_passes_is_not() {
    let mut world = held();
    world.until_phase(Phase::Reverting);
    world.facts.insert("shop: shop (target)".into());
    world.run_until(|w| w.core.phase() == Phase::Recovering);
    world.run();
    assert_eq!(world.exit, Some(5), "{}", world.story());
    let mut world = held();
    world.until_phase(Phase::Reverting);
    world.facts.insert("shop: shop (target)".into());
    world.run_until(|w| w.core.after_looks_again());
    world.facts.clear();
    world.run();
    assert_eq!(world.exit, Some(0), "{}", world.story());
}

#[test]
fn a_process_that_somebody_else_stopped_is_no_residue() {
    let mut world = held();
    world.until_phase(Phase::Reverting);
    world.facts.insert("vim: vim notes".into());
    world.run();
    assert_eq!(world.exit, Some(0), "{}", world.story());
}

#[test]
fn what_a_busy_host_or_another_run_brings_is_no_residue() {
    let mut world = held();
    world.until_phase(Phase::Reverting);
    world.category = "cgroups";
    world.facts.insert("/docker/4711".into());
    world.run();
    assert_eq!(world.exit, Some(0), "{}", world.story());
    let mut world = held();
    world.until_phase(Phase::Reverting);
    world.facts.insert("shop: shop (target)".into());
    world.other_run = true;
    let story = world.run().story();
    assert!(story.contains("warning other-run") && story.ends_with("Held 0"), "{story}");
}

#[test]
fn a_fault_of_another_run_that_ends_between_the_looks_is_told_from_a_residue() {
    let mut world = held();
    world.until_phase(Phase::Reverting);
    world.facts.insert("shop: shop (target)".into());
    world.other_run = true;
    world.run_until(|w| w.core.after_looks_again());
    // What it did is seen a second time, and then nobody has anything any more.
    world.other_run = false;
    let story = world.run().story();
    assert!(story.contains("warning other-run") && story.ends_with("Held 0"), "{story}");
}

#[test]
fn a_fault_that_ends_by_itself_ends_the_run() {
    for (why, cause) in [
        ("target gone", AbortCause::TargetGone),
        ("lease", AbortCause::FaultEnded),
        ("undo", AbortCause::Stopped),
    ] {
        let mut world = held();
        world.until_phase(Phase::Holding);
        let ended = world.ended("i1", why);
        world.give(ended);
        world.run();
        assert_eq!(world.exit, Some(3), "{}", world.story());
        assert_eq!(world.verdict.as_ref().unwrap().aborted, Some(cause));
    }
}

#[test]
fn two_steps_follow_each_other_and_are_judged_together() {
    let mut script = script();
    script.steps[0].hold_us = 30 * SECOND_US;
    script.steps.push(ScriptStep {
        injections: vec![injection("i2", 1), injection("i3", 1)],
        hold_us: 30 * SECOND_US,
    });
    let mut world = World::new(script);
    let story = world.run().story();
    let second = "restore i1 by engine · Injecting · inject i2 · inject i3 · Holding";
    assert!(story.contains(second) && story.ends_with("Held 0"), "{story}");
    assert_eq!(world.verdict.unwrap().indicators[0].total, Some(30_000));
}

#[test]
fn nothing_more_is_put_on_a_system_that_seems_hurt() {
    let second = |pid: u32| {
        let mut script = script();
        script.consecutive = 500;
        script.steps[0].hold_us = 30 * SECOND_US;
        let injections = vec![injection("i2", pid)];
        script.steps.push(ScriptStep { injections, hold_us: 30 * SECOND_US });
        let mut world = World::new(script);
        world.reading = |phase, _| squall_wire::record::Reading {
            value: Some(0.9),
            total: Some(500),
            bad_least: Some(if phase == squall_wire::record::Phase::Holding { 50 } else { 0 }),
            ..Default::default()
        };
        world.run().story()
    };
    let story = second(2);
    assert!(!story.contains("inject i2") && story.contains("paused"), "{story}");
    assert!(story.ends_with("Refuted 1"), "{story}");
    let story = second(1);
    assert!(story.contains("inject i2"), "the same once more is not more: {story}");
}

#[test]
fn a_tiny_run_ends_in_milliseconds() {
    let mut script = script();
    script.every_us = 2_000;
    script.baseline_us = 0;
    script.recovery_us = 0;
    script.steps[0].hold_us = 6_000;
    script.indicators[0].unit = Unit::Number;
    script.indicators[0].bad_share = None;
    let mut world = World::new(script);
    world.reading = |_, _| squall_wire::record::Reading { value: Some(1.0), ..Default::default() };
    world.run();
    assert_eq!(world.exit, Some(0), "{}", world.story());
    assert!(world.now_us < 12_000, "took {} µs of waiting", world.now_us);
}

#[test]
fn leases_are_renewed_three_times_in_their_length() {
    let mut world = held();
    world.until_phase(Phase::Holding);
    let due = world.core.next_wakeup_us().unwrap() - world.now_us;
    assert!(due <= 1_666_667, "the next wake-up is {due} µs away");
}

/// Ten slots of ten seconds; the fault is on in every other one.
fn toggled() -> World {
    let mut script = script();
    let on: Vec<bool> = (0..10).map(|slot| [0, 3, 4, 7, 8].contains(&slot)).collect();
    let step = |(slot, on): (usize, &bool)| {
        let id = format!("i{slot}");
        let injections = if *on { vec![injection(&id, 1)] } else { Vec::new() };
        ScriptStep { injections, hold_us: 10 * SECOND_US }
    };
    script.steps = on.iter().enumerate().map(step).collect();
    (script.consecutive, script.strikes_end) = (10, false);
    script.toggled = vec![Toggled { fault: "http.delay".into(), injections: Vec::new(), on }];
    World::new(script)
}

#[test]
fn a_toggled_fault_that_hurts_is_shown_to_and_the_run_goes_on() {
    let mut world = toggled();
    world.while_armed = Some(|armed, pull| counted(500, if armed { 30 + pull % 3 } else { 0 }));
    world.run();
    let verdict = world.verdict.unwrap();
    assert_eq!((verdict.exit, verdict.aborted), (1, None), "{}", verdict.sentence);
    let [effect] = verdict.effects.as_slice() else { panic!("one fault, one indicator") };
    assert!(effect.caused && (effect.p - 1.0 / 252.0).abs() < 1e-9, "{effect:?}");
    assert!((29.0..33.0).contains(&effect.value), "{effect:?}");
    // Slots without the fault are no part of what the service bears.
    assert_eq!(verdict.indicators[0].total, Some(5 * 10 * 500));
    assert!(world.armed.is_empty());
}

#[test]
fn a_toggled_fault_beside_other_trouble_is_not_blamed() {
    let mut world = toggled();
    world.while_armed = Some(|_, pull| counted(500, if pull % 7 < 3 { 40 } else { 0 }));
    world.run();
    let verdict = world.verdict.unwrap();
    let [effect] = verdict.effects.as_slice() else { panic!("one fault, one indicator") };
    assert!(!effect.caused && effect.p > 0.05, "{effect:?}");
    assert!(effect.text.contains("was not shown to hurt order success"), "{}", effect.text);
}

#[test]
fn a_service_that_stays_broken_ends_a_toggled_run() {
    let mut world = toggled();
    world.while_armed = Some(|_, pull| counted(500, if pull > 8 { 100 } else { 0 }));
    world.run();
    let verdict = world.verdict.unwrap();
    assert_eq!(verdict.aborted, Some(AbortCause::Rule), "{}", verdict.sentence);
    assert!(verdict.effects.is_empty(), "half a schedule shows nothing");
    assert!(world.armed.is_empty());
}

/// Two faults by turns: alone first, then together or not, with a rest after every slot.
fn toggled_together() -> World {
    let mut script = script();
    (script.consecutive, script.strikes_end) = (10, false);
    let rows = ["#.#.....#.#.....#...", "....#.#.#...#...#..."];
    let rows = rows.map(|row| row.chars().map(|c| c == '#'));
    let rows = rows.map(Iterator::collect::<Vec<bool>>);
    let step = |slot: usize| {
        let on = (0..2).filter(|row| rows[*row][slot]);
        let injections = on.map(|row| injection(&format!("f{row}s{slot}"), 1 + row as u32));
        ScriptStep { injections: injections.collect(), hold_us: 10 * SECOND_US }
    };
    script.steps = (0..20).map(step).collect();
    let fault = |(name, on): (&str, &Vec<bool>)| Toggled {
        fault: name.into(),
        injections: Vec::new(),
        on: on.clone(),
    };
    script.toggled = ["http.delay", "http.abort"].into_iter().zip(&rows).map(fault).collect();
    World::new(script)
}

#[test]
fn the_fault_after_which_a_service_stays_broken_is_attributed_without_a_test() {
    let mut world = toggled_together();
    // The first fault alone does nothing; with the second one on alone it breaks for good.
    world.while_armed = Some(|_, pull| counted(500, if pull > 52 { 100 } else { 0 }));
    world.run();
    let verdict = world.verdict.unwrap();
    assert_eq!(verdict.aborted, Some(AbortCause::Rule), "{}", verdict.sentence);
    let [effect] = verdict.effects.as_slice() else { panic!("{:?}", verdict.effects) };
    assert!(effect.fault == "http.abort" && !effect.caused, "{effect:?}");
    assert!(effect.text.contains("did not recover"), "{}", effect.text);
    assert!(world.armed.is_empty());
}

/// The same with traffic of the run's own that may rest, on a service that a fault breaks until it
/// does.
fn drained(rest_us: u64) -> World {
    let mut world = toggled_together();
    let mut script = world.core.script.clone();
    let rows = ["#.#.....#...#.....#.#.....#.", "....#.#...#.#...#...#...#..."];
    for (fault, row) in script.toggled.iter_mut().zip(rows) {
        fault.on = row.chars().map(|c| c == '#').collect();
    }
    // Only the first one breaks anything.
    let on = |slot: usize| script.toggled[0].on[slot];
    let step = |slot: usize| ScriptStep {
        injections: on(slot).then(|| injection(&format!("s{slot}"), 1)).into_iter().collect(),
        hold_us: 10 * SECOND_US,
    };
    script.steps = (0..28).map(step).collect();
    script.drain_us = 50 * SECOND_US;
    world = World::new(script);
    world.sticky = Some(Sticky::new(rest_us));
    world
}

#[test]
fn a_service_that_needs_its_traffic_to_rest_is_drained_and_the_schedule_is_played_to_its_end() {
    let mut world = drained(5 * SECOND_US);
    world.run();
    let verdict = world.verdict.as_ref().unwrap();
    assert_eq!(verdict.aborted, None, "{}", world.story());
    let rests = |what: &str| world.told.iter().filter(|t| *t == what).count();
    // Seven slots broke it; the rest after the last one is the end, broken or not.
    assert_eq!((rests("traffic rests"), rests("traffic flows")), (6, 6), "{}", world.story());
    assert_eq!(rests("warning drained"), 6);
    let told = world.told.iter().position(|t| t == "traffic flows").unwrap();
    assert_eq!(world.told[told + 1], "warning drained", "{}", world.story());
    assert!(
        world.flowing_us >= 3 * SECOND_US,
        "three samples with its traffic: {}",
        world.flowing_us
    );
    let of = |fault| verdict.effects.iter().find(|e| e.fault == fault).unwrap();
    assert!(of("http.delay").caused, "{:?}", of("http.delay"));
    assert!(!of("http.abort").caused, "{:?}", of("http.abort"));
    // What the drains saw is no part of any rule: seven slots of ten samples.
    assert_eq!(verdict.indicators[0].total, Some(7 * 10 * 500));
    assert!(world.flows && world.armed.is_empty());
}

#[test]
fn a_longer_rest_is_tried_and_then_the_run_ends() {
    let mut world = drained(15 * SECOND_US);
    world.run();
    assert_eq!(world.verdict.as_ref().unwrap().aborted, None, "{}", world.story());
    let mut world = drained(500 * SECOND_US);
    world.run();
    let verdict = world.verdict.unwrap();
    assert_eq!(verdict.aborted, Some(AbortCause::Rule), "{}", verdict.sentence);
    assert!(world.why.contains("also after its traffic had rested"), "{}", world.why);
    assert!(world.flows && world.armed.is_empty(), "nobody's traffic stays away");
}

#[test]
fn others_traffic_ends_a_drain_and_the_run() {
    let mut world = drained(5 * SECOND_US);
    if let Some(sticky) = &mut world.sticky {
        sticky.others = 100;
    }
    world.run();
    let verdict = world.verdict.unwrap();
    assert_eq!(verdict.aborted, Some(AbortCause::Rule), "{}", verdict.sentence);
    assert!(world.why.contains("others send"), "{}", world.why);
    assert!(world.flows && world.armed.is_empty());
}

#[test]
fn a_person_or_an_agent_that_dies_ends_a_drain_at_once() {
    let mut world = drained(5 * SECOND_US);
    world.until_phase(Phase::Draining);
    assert!(!world.flows);
    world.give(Event::Stop { by: "Ctrl-C".into() });
    assert!(world.flows, "the traffic flows again at once");
    world.run();
    assert_eq!(world.verdict.unwrap().aborted, Some(AbortCause::Stopped));

    let mut world = drained(5 * SECOND_US);
    world.until_phase(Phase::Draining);
    world.lose_agent();
    assert!(world.flows);
    world.agent_back();
    world.run();
    assert_eq!(world.verdict.unwrap().aborted, Some(AbortCause::AgentLost));
}

#[test]
fn without_leave_to_drain_such_a_run_ends_as_it_did() {
    let mut world = drained(5 * SECOND_US);
    let mut script = world.core.script.clone();
    script.drain_us = 0;
    world = World::new(script);
    world.sticky = Some(Sticky::new(5 * SECOND_US));
    world.run();
    assert_eq!(world.verdict.as_ref().unwrap().aborted, Some(AbortCause::Rule));
    assert!(!world.told.iter().any(|t| t.contains("traffic")), "{}", world.story());
}

#[test]
fn disturbed_instances_are_compared_with_untouched_ones() {
    use squall_wire::record::{Arm, Arms};
    fn reading(phase: Phase, elsewhere: u64) -> squall_wire::record::Reading {
        let hurt = u64::from(phase == Phase::Holding);
        let arm = |total, bad| Arm { total, bad_least: bad, bad_most: bad };
        let arms = Arms { disturbed: arm(160, 40 * hurt), untouched: arm(320, elsewhere * hurt) };
        let bad = arms.disturbed.bad_least + arms.untouched.bad_least;
        squall_wire::record::Reading { arms: Some(arms), ..counted(480, bad) }
    }
    let mut world = World::new(script());
    world.reading = |phase, _| reading(phase, 0);
    world.run();
    let verdict = world.verdict.unwrap();
    let [control] = verdict.controls.as_slice() else { panic!("one indicator") };
    assert!(control.worse && control.interval.0 > 0.0, "{control:?}");
    assert!(control.explains.is_some_and(|part| part > 0.9), "{control:?}");
    assert!(control.text.contains("order success is worse under the fault"), "{}", control.text);

    let mut world = World::new(script());
    world.reading = |phase, _| reading(phase, 80);
    world.run();
    let verdict = world.verdict.unwrap();
    assert_eq!(verdict.exit, 1, "{}", verdict.sentence);
    assert!(!verdict.controls[0].worse, "all are hurt alike: {}", verdict.controls[0].text);

    let mut world = World::new(script());
    world.run();
    assert!(world.verdict.unwrap().controls.is_empty(), "nothing tells the instances apart");
}

#[test]
fn the_host_is_looked_at_while_the_baseline_ends_and_anew_with_another_agent() {
    let mut script = script();
    (script.every_us, script.baseline_us) = (5_000, 15_000);
    script.steps[0].hold_us = SECOND_US;
    let mut world = World::new(script);
    world.run_until(|w| w.core.is_asked(Asked::FingerprintBefore));
    assert_eq!((world.core.phase(), world.now_us), (Phase::Baseline, 5_000), "no sooner");
    world.run_until(|w| !w.core.after.wants_before());
    assert_eq!(world.core.phase(), Phase::Baseline, "its answer need not be waited for");
    world.give(Event::AgentLost { why: "connection reset".into() });
    assert!(world.core.after.wants_before(), "what the next agent sees is compared with its own");
    world.agent_back();
    world.run();
    let story = world.story();
    assert!(story.contains("compared 2/2") && story.ends_with("Held 0"), "{story}");
}
