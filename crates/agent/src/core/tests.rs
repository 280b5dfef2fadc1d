//! What single calls are answered.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::*;
use squall_wire::identity::{BootId, ProcessIdentity};
use squall_wire::injection::Injection;
use squall_wire::protocol::{Answer, Ask, Call, Notice, PROTOCOL_VERSION, Refusal};
use squall_wire::target::Target;
use std::collections::BTreeMap;

const MS: u64 = 1_000_000;

pub(super) fn config() -> Config {
    Config {
        version: "0".into(),
        pid: 4_000_000,
        boot: BootId("boot".into()),
        unix_ms_at_zero: 1_000,
        conflicts: |a, b| (a, b) == ("http.delay", "net.refuse"),
        idle_exit_ns: None,
    }
}

/// A core with a watchdog beside it.
pub(super) fn guarded(config: Config) -> Core {
    let mut core = Core::new(config, 0);
    core.step(Event::WatchdogIs { pid: 4_000_001 }, 0);
    core.step(Event::WatchdogReady { pid: 4_000_001 }, 0);
    core
}

pub(super) fn injection(run: &str, id: &str, pid: u32) -> Injection {
    Injection {
        id: id.into(),
        run: run.into(),
        fault: "process.pause".into(),
        params: BTreeMap::new(),
        filters: BTreeMap::new(),
        target: Target {
            name: format!("t{pid}"),
            service: "t".into(),
            process: ProcessIdentity { pid: 100 + pid, start_ticks: 7 },
            netns: 1,
            cgroup: "/".into(),
            listening: Vec::new(),
            probes: Vec::new(),
        },
        lease_ms: 1_000,
        cap_ms: 2_500,
        seed: 1,
    }
}

fn greeted(core: &mut Core, client: u64) {
    core.step(Event::Joined { client: Client(client) }, 0);
    ask(core, client, Ask::Hello { v: PROTOCOL_VERSION, by: "run a".into() }, 0);
}

fn ask(core: &mut Core, client: u64, ask: Ask, now_ns: u64) -> Vec<Command> {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let id = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let call = Box::new(Call { id, ask });
    core.step(Event::Called { client: Client(client), call }, now_ns)
}

fn arm(core: &mut Core, client: u64, injection: Injection, radius_max: u32) -> Vec<Command> {
    ask(core, client, Ask::Arm { injection: Box::new(injection), radius_max }, 0)
}

fn armed(core: &mut Core, client: u64, injection: Injection) -> Slot {
    let commands = arm(core, client, injection, 9);
    let Some(Command::Prepare { slot, .. }) = commands.first() else { panic!("{commands:?}") };
    let slot = *slot;
    core.step(Event::Prepared { slot, result: Ok(serde_json::json!({})) }, 0);
    core.step(Event::Written { slot, result: Ok(5) }, 0);
    core.step(Event::Applied { slot, result: Ok(("SIGSTOP".into(), 6)) }, 0);
    slot
}

fn refusal(commands: &[Command]) -> Refusal {
    let answer = commands.iter().find_map(|command| match command {
        Command::Reply { reply, .. } => Some(&reply.answer),
        _ => None,
    });
    let Some(Answer::Refused(refusal)) = answer else { panic!("{commands:?}") };
    assert!(!refusal.message.is_empty());
    refusal.clone()
}

#[test]
fn another_run_is_told_who_holds_the_target() {
    let mut core = guarded(config());
    greeted(&mut core, 1);
    greeted(&mut core, 2);
    armed(&mut core, 1, injection("aaa", "i1", 4));
    let refused = refusal(&arm(&mut core, 2, injection("bbb", "i1", 4), 9));
    assert_eq!(refused.code, "busy");
    assert_eq!(refused.message, "t4 is held by run aaa (process.pause)");
}

#[test]
fn a_fingerprint_says_whose_faults_were_in_hand_while_it_was_read() {
    let mut core = guarded(config());
    greeted(&mut core, 1);
    greeted(&mut core, 2);
    let first = armed(&mut core, 1, injection("aaa", "i1", 4));
    ask(&mut core, 2, Ask::Fingerprint { pids: Vec::new() }, 0);
    ask(&mut core, 1, Ask::Disarm { run: "aaa".into(), injection: None }, 0);
    core.step(Event::Reverted { slot: first, how: Box::default() }, 0);
    core.step(Event::Closed { slot: first, result: Ok(()) }, 0);
    let second = armed(&mut core, 1, injection("bbb", "i1", 5));
    core.step(Event::Reverted { slot: second, how: Box::default() }, 0);
    let looks: Vec<_> = core.looks.keys().copied().collect();
    let [(client, call)] = looks[..] else { panic!("{looks:?}") };
    let fingerprint = squall_wire::fingerprint::Fingerprint::default();
    let said = core.step(Event::Fingerprinted { client, call, fingerprint }, 0);
    let [Command::Reply { reply, .. }] = &said[..] else { panic!("{said:?}") };
    let Answer::Fingerprint(read) = &reply.answer else { panic!("{reply:?}") };
    assert_eq!(read.runs.iter().collect::<Vec<_>>(), ["aaa", "bbb"]);
    assert!(core.looks.is_empty());
}

#[test]
fn the_radius_is_enforced_whatever_the_call_says() {
    let mut core = guarded(config());
    greeted(&mut core, 1);
    armed(&mut core, 1, injection("aaa", "i0", 1));
    let refused = refusal(&arm(&mut core, 1, injection("aaa", "i1", 2), 1));
    assert_eq!(refused.code, "radius");
}

#[test]
fn no_call_can_widen_the_radius_past_the_cap() {
    let mut core = guarded(config());
    greeted(&mut core, 1);
    for pid in 1..=RADIUS_CAP {
        let commands = arm(&mut core, 1, injection("aaa", &format!("i{pid}"), pid), u32::MAX);
        assert!(matches!(commands.first(), Some(Command::Prepare { .. })));
    }
    let refused = refusal(&arm(&mut core, 1, injection("aaa", "x", 99), u32::MAX));
    assert_eq!(refused.code, "radius");
}

#[test]
fn a_conflicting_fault_and_a_second_of_the_same_are_refused() {
    let mut core = guarded(config());
    greeted(&mut core, 1);
    let with = |fault: &str, id| Injection { fault: fault.into(), ..injection("aaa", id, 1) };
    armed(&mut core, 1, with("net.refuse", "i1"));
    assert_eq!(refusal(&arm(&mut core, 1, with("http.delay", "i2"), 9)).code, "conflict");
    assert_eq!(refusal(&arm(&mut core, 1, with("net.refuse", "i3"), 9)).code, "conflict");
    armed(&mut core, 1, with("cpu.load", "i4"));
}

#[test]
fn a_receipt_that_cannot_be_written_stops_it_before_anything_is_touched() {
    let mut core = guarded(config());
    greeted(&mut core, 1);
    arm(&mut core, 1, injection("aaa", "i1", 1), 9);
    core.step(Event::Prepared { slot: Slot(0), result: Ok(serde_json::json!({})) }, 0);
    let full = Refusal { code: "journal".into(), message: "disk full".into(), help: None };
    let commands = core.step(Event::Written { slot: Slot(0), result: Err(full) }, 0);
    assert_eq!(refusal(&commands).code, "journal");
    assert!(commands.iter().all(|command| !matches!(command, Command::Apply { .. })));
    assert_eq!(core.acting(), 0);
}

#[test]
fn an_apply_that_failed_half_way_is_reverted_before_the_caller_hears_of_it() {
    let mut core = guarded(config());
    greeted(&mut core, 1);
    arm(&mut core, 1, injection("aaa", "i1", 1), 9);
    core.step(Event::Prepared { slot: Slot(0), result: Ok(serde_json::json!({})) }, 0);
    core.step(Event::Written { slot: Slot(0), result: Ok(1) }, 0);
    let why = Refusal { code: "unsupported".into(), message: "no".into(), help: None };
    let commands = core.step(Event::Applied { slot: Slot(0), result: Err(why) }, 0);
    assert!(matches!(commands.last(), Some(Command::Revert { .. })));
    let how = Box::new(Reverted::default());
    let commands = core.step(Event::Reverted { slot: Slot(0), how }, 0);
    assert_eq!(refusal(&commands).code, "unsupported");
}

#[test]
fn lease_then_cap_end_it_and_the_owner_is_told() {
    let mut core = guarded(config());
    greeted(&mut core, 1);
    let slot = armed(&mut core, 1, injection("aaa", "i1", 1));
    for at in [900, 1_800] {
        ask(&mut core, 1, Ask::Renew { run: "aaa".into() }, at * MS);
    }
    assert_eq!(core.next_deadline_ns(), Some(2_500 * MS));
    let commands = core.step(Event::Tick, 2_500 * MS);
    assert!(matches!(commands.last(), Some(Command::Revert { .. })));
    let how = Box::new(Reverted::default());
    let commands = core.step(Event::Reverted { slot, how }, 2_501 * MS);
    let Some(Command::Notify { notice, .. }) = commands.first() else { panic!("{commands:?}") };
    let Notice::Ended { why, outcome } = &**notice;
    assert_eq!((why.as_str(), outcome.took_us), ("cap", 1_000));
    assert_eq!(
        refusal(&ask(&mut core, 1, Ask::Renew { run: "aaa".into() }, 2_502 * MS)).code,
        "gone"
    );
}

#[test]
fn an_undo_that_keeps_failing_is_retried_then_stuck_with_advice() {
    let mut core = guarded(config());
    greeted(&mut core, 1);
    let slot = armed(&mut core, 1, injection("aaa", "i1", 1));
    let mut commands = ask(&mut core, 1, Ask::Disarm { run: "aaa".into(), injection: None }, 0);
    let mut reverts = 0;
    let mut now = 0;
    while commands.iter().any(|command| matches!(command, Command::Revert { .. })) {
        reverts += 1;
        let how = Reverted {
            residue: vec!["still stopped".into()],
            advice: "kill -CONT 1".into(),
            ..Reverted::default()
        };
        commands = core.step(Event::Reverted { slot, how: Box::new(how) }, now);
        if let Some(at) = core.next_deadline_ns() {
            now = at;
            commands = core.step(Event::Tick, now);
        }
    }
    assert_eq!(reverts, REVERT_TRIES_MAX);
    let answer = commands.iter().find_map(|command| match command {
        Command::Reply { reply, .. } => Some(&reply.answer),
        _ => None,
    });
    let Some(Answer::Disarmed { outcomes }) = answer else { panic!("{commands:?}") };
    assert_eq!(outcomes[0].residue, ["still stopped"]);
    assert_eq!(outcomes[0].advice.as_deref(), Some("kill -CONT 1"));
    assert_eq!(core.acting(), 1, "the receipt is kept");
}

#[test]
fn a_client_that_leaves_takes_its_faults_along_and_an_idle_agent_ends() {
    let mut core = guarded(Config { idle_exit_ns: Some(MS), ..config() });
    greeted(&mut core, 1);
    let slot = armed(&mut core, 1, injection("aaa", "i1", 1));
    let commands = core.step(Event::Left { client: Client(1) }, 0);
    assert!(matches!(commands.last(), Some(Command::Revert { .. })));
    core.step(Event::Reverted { slot, how: Box::new(Reverted::default()) }, 0);
    core.step(Event::Closed { slot, result: Ok(()) }, 5 * MS);
    let at = core.next_deadline_ns().unwrap();
    assert_eq!(core.step(Event::Tick, at), [Command::Exit]);
}

#[test]
fn names_that_could_leave_a_folder_are_refused() {
    let mut core = guarded(config());
    greeted(&mut core, 1);
    for name in ["", "../x", "a/b", ".", "-a", &"a".repeat(NAME_BYTES_MAX + 1)] {
        let refused = refusal(&arm(&mut core, 1, injection(name, "i1", 1), 9));
        assert_eq!(refused.code, "bad", "{name}");
    }
}

#[test]
fn a_copy_of_a_call_and_one_that_was_overtaken_are_dropped() {
    let mut core = guarded(config());
    greeted(&mut core, 0);
    let client = Client(0);
    let mut send = |id, ask| {
        core.step(Event::Called { client, call: Box::new(Call { id: (1_u64 << 40) + id, ask }) }, 0)
    };
    let arm = || Ask::Arm { injection: Box::new(injection("a", "i1", 1)), radius_max: 9 };
    assert_eq!(send(2, Ask::Disarm { run: "a".into(), injection: None }).len(), 1);
    assert_eq!(send(1, arm()), []);
    assert_eq!(send(3, arm()).len(), 1);
    assert_eq!(send(3, arm()), []);
}

fn watched(commands: &[Command]) -> Vec<u64> {
    let of = |command: &Command| match command {
        Command::Watch { deadline_ns, .. } => Some(*deadline_ns),
        _ => None,
    };
    commands.iter().filter_map(of).collect()
}

#[test]
fn the_next_watchdog_is_told_the_deadlines_as_they_are() {
    let mut core = guarded(config());
    greeted(&mut core, 0);
    let slot = armed(&mut core, 0, injection("a", "i1", 1));
    assert_eq!(watched(&core.step(Event::WatchdogIs { pid: 2 }, 0)), [1_000 * MS]);
    // Its lease is over, and it has all the time of a step to be undone.
    core.step(Event::Tick, 1_000 * MS);
    let deadlines = watched(&core.step(Event::WatchdogIs { pid: 3 }, 1_200 * MS));
    assert_eq!(deadlines, [1_000 * MS + STEP_NS_MAX]);
    // Nobody has to hear of a receipt that a person has to see to.
    let mut now_ns = 1_200 * MS;
    for _ in 0..REVERT_TRIES_MAX {
        let how = Box::new(Reverted { residue: vec!["it".into()], ..Reverted::default() });
        core.step(Event::Reverted { slot, how }, now_ns);
        now_ns += 1_000 * MS;
        core.step(Event::Tick, now_ns);
    }
    assert_eq!(core.acting(), 1);
    assert_eq!(watched(&core.step(Event::WatchdogIs { pid: 4 }, now_ns)), [] as [u64; 0]);
}

#[test]
fn nothing_is_written_while_no_watchdog_keeps_guard() {
    let mut core = guarded(config());
    greeted(&mut core, 0);
    core.step(Event::WatchdogGone { pid: 4_000_001 }, 0);
    let commands = arm(&mut core, 0, injection("a", "i1", 1), 9);
    let Some(Command::Prepare { slot, .. }) = commands.first() else { panic!("{commands:?}") };
    let prepared = Event::Prepared { slot: *slot, result: Ok(serde_json::json!({})) };
    assert_eq!(core.step(prepared, 0), []);
    core.step(Event::WatchdogIs { pid: 5 }, 0);
    // A word of the one that died comes late.
    assert_eq!(core.step(Event::WatchdogReady { pid: 4_000_001 }, 0), []);
    let written = core.step(Event::WatchdogReady { pid: 5 }, 0);
    assert!(matches!(written[..], [Command::WriteReceipt { .. }]), "{written:?}");
}

#[test]
fn one_that_is_ended_while_it_waits_for_a_watchdog_is_forgotten() {
    let mut core = guarded(config());
    greeted(&mut core, 0);
    core.step(Event::WatchdogGone { pid: 4_000_001 }, 0);
    let commands = arm(&mut core, 0, injection("a", "i1", 1), 9);
    let Some(Command::Prepare { slot, .. }) = commands.first() else { panic!("{commands:?}") };
    core.step(Event::Prepared { slot: *slot, result: Ok(serde_json::json!({})) }, 0);
    let ended = core.step(Event::Tick, 1_000 * MS);
    assert_eq!(refusal(&ended).code, "ended");
    assert!(ended.iter().any(|command| matches!(command, Command::Release { .. })));
    assert_eq!(core.step(Event::WatchdogReady { pid: 4_000_001 }, 2_000 * MS), []);
}

#[test]
fn one_of_the_same_name_waits_until_the_earlier_one_is_closed() {
    let mut core = guarded(config());
    greeted(&mut core, 1);
    let first = armed(&mut core, 1, injection("aaa", "i1", 4));
    let second = arm(&mut core, 1, injection("aaa", "i1", 4), 9);
    assert_eq!(refusal(&second).code, "duplicate", "the first is in place");
    ask(&mut core, 1, Ask::Disarm { run: "aaa".into(), injection: None }, 0);
    let how = Box::new(Reverted::default());
    let commands = core.step(Event::Reverted { slot: first, how }, 0);
    assert!(commands.iter().any(|it| matches!(it, Command::CloseReceipt { .. })), "{commands:?}");
    // The caller has heard that it is undone and may arm anew; the disk has yet to answer.
    let commands = arm(&mut core, 1, injection("aaa", "i1", 4), 9);
    let Some(Command::Prepare { slot, .. }) = commands.first() else { panic!("{commands:?}") };
    let slot = *slot;
    let commands = core.step(Event::Prepared { slot, result: Ok(serde_json::json!({})) }, 0);
    let writes = |commands: &[Command]| {
        commands
            .iter()
            .any(|it| matches!(it, Command::WriteReceipt { slot: it, .. } if *it == slot))
    };
    assert!(!writes(&commands), "its receipt would be closed by the other's entry: {commands:?}");
    let commands = core.step(Event::Closed { slot: first, result: Ok(()) }, 0);
    assert!(writes(&commands), "{commands:?}");
}
