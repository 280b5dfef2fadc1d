//! Laws that hold for any order of events, with a disk and effects as plain data.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::tests::{config, guarded, injection};
use super::*;
use proptest::prelude::*;
use squall_wire::protocol::{Ask, Call, FromAgent, PROTOCOL_VERSION, Refusal};
use squall_wire::receipt::{Entry, Receipt};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const MS: u64 = 1_000_000;

/// Everything outside the core: a disk, effects that stay until reverted, lanes of work.
#[derive(Default)]
struct World {
    journal: Vec<Entry>,
    effects: BTreeSet<String>,
    lanes: BTreeMap<Slot, VecDeque<Command>>,
    said: Vec<FromAgent>,
    exited: bool,
    executed: usize,
}

impl World {
    fn take(&mut self, commands: Vec<Command>) {
        for command in commands {
            let slot = match &command {
                Command::Prepare { slot, .. }
                | Command::WriteReceipt { slot, .. }
                | Command::Apply { slot, .. }
                | Command::Extend { slot, .. }
                | Command::Revert { slot, .. }
                | Command::CloseReceipt { slot, .. }
                | Command::Bite { slot, .. } => *slot,
                Command::Release { slot } => {
                    self.lanes.remove(slot);
                    continue;
                }
                Command::Reply { reply, .. } => {
                    self.said.push(FromAgent::Reply((**reply).clone()));
                    continue;
                }
                Command::Notify { notice, .. } => {
                    self.said.push(FromAgent::Notice((**notice).clone()));
                    continue;
                }
                Command::Exit => {
                    self.exited = true;
                    continue;
                }
                _ => continue,
            };
            self.lanes.entry(slot).or_default().push_back(command);
        }
    }

    fn open(&self) -> Vec<Receipt> {
        let chain = squall_wire::chain::Chain::default();
        let line = |entry| squall_wire::journal::encode(entry, &chain);
        let text: String = self.journal.iter().map(line).collect();
        squall_wire::journal::replay(text.as_bytes()).open
    }

    /// Carries out the oldest command of one lane; `luck` says whether it works.
    fn work(&mut self, lane: usize, luck: bool) -> Option<Event> {
        let busy: Vec<Slot> =
            self.lanes.iter().filter(|(_, lane)| !lane.is_empty()).map(|(s, _)| *s).collect();
        let slot = *busy.get(lane.checked_rem(busy.len())?)?;
        let command = self.lanes.get_mut(&slot)?.pop_front()?;
        self.executed += 1;
        let bad = || Refusal { code: "test".into(), message: "bad luck".into(), help: None };
        let or_bad = |luck: bool| if luck { Ok(()) } else { Err(bad()) };
        Some(match command {
            Command::Prepare { .. } => {
                let result = or_bad(luck).map(|()| serde_json::json!({}));
                Event::Prepared { slot, result }
            }
            Command::WriteReceipt { receipt, .. } => {
                if luck {
                    self.journal.push(Entry::Open(*receipt));
                }
                Event::Written { slot, result: or_bad(luck).map(|()| 1) }
            }
            Command::Apply { receipt, .. } => {
                let open = self.open().iter().any(|open| open.id == receipt.id);
                assert!(open, "an effect without an open receipt on disk");
                // Even a failed apply may leave half of itself behind.
                self.effects.insert(receipt.id);
                Event::Applied { slot, result: or_bad(luck).map(|()| ("test".into(), 1)) }
            }
            Command::Revert { receipt, .. } => {
                let mut how = Reverted::default();
                if luck {
                    self.effects.remove(&receipt.id);
                } else {
                    how.residue.push("half of it".into());
                }
                Event::Reverted { slot, how: Box::new(how) }
            }
            Command::CloseReceipt { receipt, .. } => {
                assert!(!self.effects.contains(&receipt), "closed with its effect in place");
                if luck {
                    let (by, at_unix_ms) = ("agent".into(), 0);
                    self.journal.push(Entry::Close { id: receipt, by, at_unix_ms });
                }
                Event::Closed { slot, result: or_bad(luck) }
            }
            Command::Extend { .. } if !luck => Event::Lost { slot },
            Command::Bite { client, call, .. } => {
                let result = or_bad(luck).map(|()| Default::default());
                Event::Bitten { client, call, result }
            }
            _ => Event::Tick,
        })
    }

    fn settle(&mut self, core: &mut Core, now: &mut u64) {
        for _ in 0..10_000 {
            if let Some(event) = self.work(0, true) {
                let commands = core.step(event, *now);
                self.take(commands);
            } else if let Some(at) = core.next_deadline_ns() {
                *now = at.max(*now);
                let commands = core.step(Event::Tick, *now);
                self.take(commands);
            } else {
                return;
            }
        }
        panic!("the core never comes to rest");
    }
}

fn call(id: u64, ask: Ask) -> Box<Call> {
    Box::new(Call { id, ask })
}

fn hello(core: &mut Core, world: &mut World, client: Client, now: u64) {
    world.take(core.step(Event::Joined { client }, now));
    let ask = Ask::Hello { v: PROTOCOL_VERSION, by: "test".into() };
    world.take(core.step(Event::Called { client, call: call(0, ask) }, now));
}

#[derive(Debug, Clone)]
enum Act {
    Arm { client: u64, run: u8, id: u8, pid: u32, radius: u32 },
    Disarm { client: u64, run: u8, id: Option<u8> },
    Renew { client: u64, run: u8 },
    Bite { client: u64, run: u8, id: u8 },
    Leave { client: u64 },
    Work { lane: usize, luck: bool },
    Wait { ms: u64 },
    Gone { slot: u64 },
    Stray { slot: u64 },
    UndoAll { client: u64 },
    Stop,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0..3u64, 0..2u8, 0..3u8, 1..4u32, 1..4u32)
            .prop_map(|(client, run, id, pid, radius)| Act::Arm { client, run, id, pid, radius }),
        3 => (0..3u64, 0..2u8, proptest::option::of(0..3u8))
            .prop_map(|(client, run, id)| Act::Disarm { client, run, id }),
        3 => (0..3u64, 0..2u8).prop_map(|(client, run)| Act::Renew { client, run }),
        1 => (0..3u64, 0..2u8, 0..3u8).prop_map(|(client, run, id)| Act::Bite { client, run, id }),
        1 => (0..3u64).prop_map(|client| Act::Leave { client }),
        20 => (0..8usize, proptest::bool::weighted(0.8))
            .prop_map(|(lane, luck)| Act::Work { lane, luck }),
        4 => (1..3000u64).prop_map(|ms| Act::Wait { ms }),
        1 => (0..10u64).prop_map(|slot| Act::Gone { slot }),
        1 => (0..10u64).prop_map(|slot| Act::Stray { slot }),
        1 => (0..3u64).prop_map(|client| Act::UndoAll { client }),
        1 => Just(Act::Stop),
    ];
    proptest::collection::vec(act, 1..120)
}

fn play(acts: Vec<Act>) -> (Core, World, u64) {
    let (mut now, mut world) = (MS, World::default());
    let mut core = guarded(config());
    (0..3).for_each(|n| hello(&mut core, &mut world, Client(n), now));
    for (id, act) in acts.into_iter().enumerate() {
        let id = id as u64;
        let run = |run: u8| format!("run{run}");
        let ask = |client: u64, ask| Event::Called { client: Client(client), call: call(id, ask) };
        let event = match act {
            Act::Arm { client, run: r, id, pid, radius } => {
                let injection = Box::new(injection(&run(r), &format!("i{id}"), pid));
                ask(client, Ask::Arm { injection, radius_max: radius })
            }
            Act::Disarm { client, run: r, id } => {
                let injection = id.map(|id| format!("i{id}"));
                ask(client, Ask::Disarm { run: run(r), injection })
            }
            Act::Renew { client, run: r } => ask(client, Ask::Renew { run: run(r) }),
            Act::Bite { client, run: r, id } => {
                ask(client, Ask::Bite { run: run(r), injection: format!("i{id}") })
            }
            Act::Leave { client } => Event::Left { client: Client(client) },
            Act::Work { lane, luck } => world.work(lane, luck).unwrap_or(Event::Tick),
            Act::Wait { ms } => {
                now += ms * MS;
                Event::Tick
            }
            Act::Gone { slot } => Event::TargetGone { slot: Slot(slot) },
            Act::Stray { slot } => Event::Closed { slot: Slot(slot), result: Ok(()) },
            Act::UndoAll { client } => ask(client, Ask::UndoAll),
            Act::Stop => Event::Stop,
        };
        // A stray answer must not be taken for a real one: only unknown slots are strays.
        if let Event::Closed { slot, .. } = &event
            && matches!(act_is_stray(&world, *slot), Some(true))
        {
            continue;
        }
        let commands = core.step(event, now);
        world.take(commands);
    }
    (core, world, now)
}

fn act_is_stray(world: &World, slot: Slot) -> Option<bool> {
    world
        .lanes
        .get(&slot)
        .map(|lane| lane.iter().any(|c| matches!(c, Command::CloseReceipt { .. })))
}

proptest! {
    #[test]
    fn any_order_of_events_ends_with_nothing_in_place(acts in acts()) {
        let (mut core, mut world, mut now) = play(acts);
        world.settle(&mut core, &mut now);
        // What got stuck by bad luck is taken up by the panic button.
        let client = Client(99);
        hello(&mut core, &mut world, client, now);
        world.take(core.step(Event::Called { client, call: call(1, Ask::UndoAll) }, now));
        world.settle(&mut core, &mut now);
        prop_assert_eq!(core.acting(), 0);
        prop_assert!(world.effects.is_empty());
    }

    #[test]
    fn a_crash_at_any_moment_is_healed_by_the_next_start(acts in acts()) {
        let (core, mut world, mut now) = play(acts);
        drop(core);
        world.lanes.clear();
        let mut core = guarded(config());
        for receipt in world.open() {
            let commands = core.step(Event::Found { receipt: Box::new(receipt) }, now);
            world.take(commands);
        }
        world.settle(&mut core, &mut now);
        prop_assert!(world.effects.is_empty());
        prop_assert!(world.open().is_empty());
    }
}

/// Two injections, a renewal, one ended by its client and one by its lease, cut after each
/// command in turn.
#[test]
fn a_crash_after_each_single_command_is_healed() {
    let mut cut = 1;
    loop {
        let (mut now, mut world) = (MS, World::default());
        let mut core = guarded(config());
        let client = Client(0);
        hello(&mut core, &mut world, client, now);
        let script = [
            Ask::Arm { injection: Box::new(injection("run0", "i0", 1)), radius_max: 2 },
            Ask::Arm { injection: Box::new(injection("run0", "i1", 2)), radius_max: 2 },
            Ask::Renew { run: "run0".into() },
            Ask::Disarm { run: "run0".into(), injection: Some("i0".into()) },
        ];
        let mut whole = true;
        'life: for (id, ask) in script.into_iter().enumerate() {
            let event = Event::Called { client, call: call(id as u64 + 1, ask) };
            world.take(core.step(event, now));
            while let Some(event) = world.work(0, true) {
                if world.executed == cut {
                    whole = false;
                    break 'life;
                }
                world.take(core.step(event, now));
            }
        }
        world.lanes.clear();
        let mut core = guarded(config());
        for receipt in world.open() {
            world.take(core.step(Event::Found { receipt: Box::new(receipt) }, now));
        }
        world.settle(&mut core, &mut now);
        assert!(world.effects.is_empty(), "after command {cut}");
        assert!(world.open().is_empty(), "after command {cut}");
        if whole {
            assert!(cut > 8, "the script reached its end");
            return;
        }
        cut += 1;
    }
}

#[test]
fn a_receipt_of_another_boot_is_closed_without_acting() {
    let mut core = guarded(config());
    let receipt: Receipt = serde_json::from_value(serde_json::json!({
        "v": 1, "id": "r-a-b", "run": "a", "injection": "b", "fault": "process.pause",
        "target": "t", "process": {"pid": 1, "start_ticks": 2}, "boot": "another",
        "at_unix_ms": 0, "undo": {}
    }))
    .unwrap();
    let commands = core.step(Event::Found { receipt: Box::new(receipt) }, 0);
    assert!(commands.iter().all(|command| !matches!(command, Command::Revert { .. })));
    assert!(commands.iter().any(|command| matches!(command, Command::CloseReceipt { .. })));
}
