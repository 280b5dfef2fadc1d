//! Laws that hold whatever happens, and in whatever order.

use super::world::*;
use super::{Event, ScriptStep};
use proptest::prelude::*;
use squall_wire::record::{Phase, Reading, Word};

/// Something that goes wrong, or just happens.
#[derive(Debug, Clone)]
enum Trouble {
    Nothing,
    Signal,
    AgentDies { undone: bool, back: bool },
    Ended(&'static str),
    Silence(&'static str),
    Voice,
    Residue,
    Refuses,
    StrayReply(u64),
    StrayPull(u64),
    Late(u64),
    Appeared,
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        12 => Just(Trouble::Nothing),
        1 => Just(Trouble::Signal),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(undone, back)| Trouble::AgentDies { undone, back }),
        1 => prop_oneof![Just("lease"), Just("cap"), Just("target gone"), Just("undo")].prop_map(Trouble::Ended),
        1 => prop_oneof![Just("arm"), Just("disarm"), Just("renew"), Just("status")].prop_map(Trouble::Silence),
        2 => Just(Trouble::Voice),
        1 => Just(Trouble::Residue),
        1 => Just(Trouble::Refuses),
        1 => (0u64..40).prop_map(Trouble::StrayReply),
        1 => (0u64..40).prop_map(Trouble::StrayPull),
        1 => (0u64..20_000_000).prop_map(Trouble::Late),
        1 => Just(Trouble::Appeared),
    ]
}

fn reading(kind: u8) -> fn(Phase, u64) -> Reading {
    match kind % 4 {
        0 => |_, _| counted(500, 0),
        1 => |phase, _| counted(500, if phase == Phase::Holding { 50 } else { 0 }),
        2 => |_, pull| if pull % 3 == 2 { gap("stale") } else { counted(500, 0) },
        _ => |phase, pull| {
            if phase == Phase::Holding && pull.is_multiple_of(2) {
                gap("gone")
            } else {
                counted(500, 1)
            }
        },
    }
}

fn happen(world: &mut World, trouble: &Trouble) {
    match trouble {
        Trouble::Nothing => {}
        Trouble::Signal => world.give(Event::Stop { by: "Ctrl-C".into() }),
        Trouble::AgentDies { undone, back } => {
            world.lose_agent();
            if *undone {
                world.armed.clear();
            }
            if *back {
                world.agent_back();
            }
        }
        Trouble::Ended(why) => {
            let event = world.ended("i1", why);
            world.give(event);
        }
        Trouble::Silence(what) => _ = world.silent.insert(what),
        Trouble::Voice => {
            world.silent.clear();
            world.agent_back();
        }
        Trouble::Residue => world.residue = vec!["rule 7".into()],
        Trouble::Refuses => world.refuses = true,
        Trouble::StrayReply(call) => {
            let answer = Box::new(squall_wire::protocol::Answer::Bye);
            world.give(Event::Reply { call: *call, answer });
        }
        Trouble::StrayPull(pull) => {
            world.give(Event::Pulled { pull: *pull, readings: Vec::new() });
        }
        Trouble::Late(by_us) => world.now_us += by_us,
        Trouble::Appeared => _ = world.facts.insert("something".into()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The core's own invariants are asserted within every step; this drives it into corners.
    #[test]
    fn every_run_ends_with_nothing_in_place_or_says_so(
        kind in any::<u8>(),
        two_steps in any::<bool>(),
        hits in 0u64..2,
        troubles in prop::collection::vec((trouble(), 0usize..30), 0..12),
    ) {
        let mut script = script();
        script.steps[0].hold_us = 20 * SECOND_US;
        script.recovery_us = 5 * SECOND_US;
        // With a wider bound, so that some of these runs can be held.
        script.indicators[0].bad_share = Some(0.01);
        if two_steps {
            let injections = vec![injection("i2", 1)];
            script.steps.push(ScriptStep { injections, hold_us: 5 * SECOND_US });
        }
        let mut world = World::new(script);
        world.reading = reading(kind);
        world.hits = hits;
        for (trouble, steps) in &troubles {
            let goal = world.steps + steps;
            world.run_until(|w| w.steps >= goal);
            happen(&mut world, trouble);
        }
        world.run();
        let verdict = world.verdict.as_ref().expect("a run that ends has a verdict");
        prop_assert_eq!(world.core.acting(), 0);
        prop_assert_eq!(verdict.restored, world.core.restored());
        prop_assert_eq!(verdict.exit == 5, !verdict.restored);
        let in_place = !world.armed.is_empty();
        prop_assert!(!in_place || verdict.exit == 5, "left in place: {}", world.story());
        if verdict.word == Word::Held {
            prop_assert!(hits > 0 && verdict.aborted.is_none());
            prop_assert!(verdict.indicators.iter().all(|i| i.gaps == 0 && i.total > Some(0)));
        }
    }
}
