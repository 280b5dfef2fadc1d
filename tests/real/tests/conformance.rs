//! What every fault of the catalog has to stand, by loop: no fault is forgotten.

use crate::seen::{CASES, Case, Pairs, Seen};
use crate::victim::{Agent, ROLE, SOON, Victim, alone, arm, disarm};
use squall_agent::journal::peek;
use squall_agent::restore::{is_restored, restore};
use squall_faults::catalog::{self, ALL};
use squall_faults::fault::{Kind, Param};
use squall_faults::sys::doctor;
use squall_faults::sys::fingerprint::fingerprint;
use squall_faults::values::check;
use squall_real::needs::{Need, met};
use squall_real::until::until;
use squall_wire::fingerprint::Fingerprint;
use squall_wire::injection::{Bite, Injection, Values};
use squall_wire::protocol::{Answer, Ask, Notice};
use squall_wire::receipt::Receipt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];
/// How many targets, each with an agent of its own, wait for the end of a lease side by side.
const LEASES_AT_ONCE: usize = 8;

#[test]
fn every_fault_has_a_case() {
    let mut faults: Vec<_> = ALL.iter().map(|entry| entry.fault.describe().name).collect();
    faults.sort_unstable();
    let cases: Vec<_> = CASES.iter().map(|case| case.fault).collect();
    assert_eq!(faults, cases, "a fault's seen.rs names the fault");
}

#[test]
fn every_fault_describes_itself_within_the_limits() {
    for entry in ALL {
        let about = entry.fault.describe();
        let name = about.name;
        assert!(about.summary.len() <= 46 && !about.summary.ends_with('.'), "{name}: summary");
        assert!(name.starts_with(&format!("{}.", name.split('.').next().unwrap())));
        assert!(about.example.contains(name), "{name}: the example uses the fault");
        assert!(!about.cases.is_empty() && !about.hit_word.is_empty(), "{name}");
        for text in [about.acts, about.ends, about.spares] {
            assert!(!text.is_empty(), "{name}: every text for people is there");
        }
    }
}

#[test]
fn parameters_round_trip_and_the_worst_case_is_finite() {
    for case in CASES {
        let Some(entry) = catalog::find(case.fault) else { continue };
        let about = entry.fault.describe();
        let values = check(entry.fault, &values(case.with), &values(case.filters)).unwrap();
        let (params, filters) = (values.print(about.params), values.print(about.filters));
        assert_eq!(check(entry.fault, &params, &filters), Ok(values.clone()), "{}", case.fault);
        let bound = entry.fault.bound(&values);
        assert!(bound.per_mille_hurt <= 1_000 && !bound.text.is_empty(), "{}", case.fault);
    }
}

#[test]
fn bad_parameters_give_a_diagnostic() {
    for case in CASES {
        let Some(entry) = catalog::find(case.fault) else { continue };
        let about = entry.fault.describe();
        let mut unknown = values(case.with);
        unknown.insert("surely-not-a-key".into(), "1".into());
        let issues = check(entry.fault, &unknown, &values(case.filters)).unwrap_err();
        assert!(issues[0].at_key && issues[0].key == "surely-not-a-key", "{}", case.fault);
        let blocks = [(about.params, true), (about.filters, false)];
        for (params, is_with) in blocks {
            // Any text is right where a text is asked for, so nothing is wrong with this one.
            let is_free = |param: &&Param| matches!(param.kind, Kind::Pattern | Kind::Text { .. });
            for param in params.iter().filter(|param| !is_free(param)) {
                let (mut with, mut filters) = (values(case.with), values(case.filters));
                let block = if is_with { &mut with } else { &mut filters };
                block.insert(param.name.into(), "\u{1f300} nonsense".into());
                let issues = check(entry.fault, &with, &filters).unwrap_err();
                let of_it = issues.iter().find(|issue| issue.key == param.name).unwrap();
                assert!(!of_it.message.is_empty() && of_it.code.starts_with('F'));
            }
        }
    }
}

fn values(pairs: Pairs) -> Values {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// The cases that this host can show; the others are a skip with the kernel's own reason. With
/// `SQUALL_FAULTS=cpu,disk.fill` only those whose names begin so, for whoever works on them.
fn available(test: &str) -> impl Iterator<Item = &'static Case> {
    let only = std::env::var("SQUALL_FAULTS").unwrap_or_default();
    CASES.iter().filter(move |case| {
        if !only.split(',').any(|name| case.fault.starts_with(name)) {
            return false;
        }
        let entry = catalog::find(case.fault).unwrap();
        let answer = doctor::available(entry.fault);
        if let Err(why) = &answer {
            println!("SKIP {test} for {}: {why}", case.fault);
        }
        answer.is_ok() && met(&format!("{test} for {}", case.fault), case.needs)
    })
}

/// Waits until the fault is seen from outside and shows itself.
fn until_bites(victim: &Victim, case: &Case, count: u64, mut bite: impl FnMut() -> Bite) {
    let what = case.fault;
    until(&format!("{what}: shows"), SOON, || case.shows(victim, count).then_some(()));
    let (bite, _) =
        until(&format!("{what}: bites"), SOON, || Some(bite()).filter(|bite| bite.hits > 0));
    assert!(bite.hits <= bite.seen && !bite.detail.is_empty(), "{what}: {bite:?}");
}

/// Waits until the effect is over and looks whether anything stayed.
fn assert_over(victim: &Victim, case: &Case, before: &Fingerprint) {
    until(&format!("{}: is over", case.fault), SOON, || case.is_over(victim).then_some(()));
    if case.ends_target() {
        victim.assert_nothing_new(before);
    } else {
        victim.assert_unchanged(before);
    }
}

#[test]
fn apply_bites_and_revert_leaves_nothing_even_twice() {
    let test = "apply_bites_and_revert_leaves_nothing_even_twice";
    if !met(test, NEEDS) {
        return;
    }
    let _alone = alone();
    for case in available(test) {
        let victim = (case.victim)();
        let agent = Agent::start(&victim);
        let mut client = agent.client();
        let count = case.count(&victim);
        // A busy machine is late by itself, so one look may see what looks like an effect.
        until(&format!("{}: unhurt before", case.fault), SOON, || {
            (!case.shows(&victim, count)).then_some(())
        });
        let before = victim.fingerprint();
        let armed = arm(&mut client, &case.injection(&victim));
        println!("{}: {} after {} µs", case.fault, armed.mechanism, armed.apply_us);
        let receipt = peek(&agent.paths.state_dir).unwrap().open.remove(0);
        until_bites(&victim, case, count, || {
            let ask = Ask::Bite { run: "run1".into(), injection: "i1".into() };
            match client.call(ask) {
                Ok(Answer::Bite(bite)) => bite,
                other => panic!("{}: {other:?}", case.fault),
            }
        });
        if matches!(case.seen, Seen::While(_)) {
            // Some come and go by themselves, so one look may see nothing.
            until(&format!("{}: the fingerprint would see residue", case.fault), SOON, || {
                (!before.differences(&victim.fingerprint()).is_empty()).then_some(())
            });
        }
        let outcomes = disarm(&mut client, "run1");
        assert_eq!(outcomes[0].residue, Vec::<String>::new(), "{}", case.fault);
        assert!(outcomes[0].bite.as_ref().is_some_and(|bite| bite.hits > 0), "{}", case.fault);
        assert_over(&victim, case, &before);
        let again = restore(&receipt);
        assert!(is_restored(&again), "{}: {again:?}", case.fault);
        assert!(!again.advice.is_empty(), "{}: advice for a person", case.fault);
        assert_over(&victim, case, &before);
        if case.ends_target() {
            continue;
        }
        // The same once more: nothing of the first stands in the way of the second.
        let count = case.count(&victim);
        arm(&mut client, &Injection { id: "i2".into(), ..case.injection(&victim) });
        until(&format!("{}: shows again", case.fault), SOON, || {
            case.shows(&victim, count).then_some(())
        });
        disarm(&mut client, "run1");
        assert_over(&victim, case, &before);
    }
}

#[test]
fn a_lease_that_ends_reverts_every_fault() {
    let test = "a_lease_that_ends_reverts_every_fault";
    if !met(test, NEEDS) {
        return;
    }
    let _alone = alone();
    let cases: Vec<_> = available(test).collect();
    for cases in cases.chunks(LEASES_AT_ONCE) {
        let host = fingerprint(&[]);
        let each = cases.iter().map(|case| {
            let victim = (case.victim)();
            let agent = Agent::start(&victim);
            (case, victim, agent)
        });
        let each: Vec<_> = each.collect();
        // Nobody's fault is on while anybody's state is read, before or after.
        let befores: Vec<_> = each.iter().map(|(_, victim, _)| victim.fingerprint()).collect();
        let lease_ms = 700;
        let armed = each.iter().map(|(case, victim, agent)| {
            let mut client = agent.client();
            arm(&mut client, &Injection { lease_ms, ..case.injection(victim) });
            client
        });
        for (mut client, (case, ..)) in armed.collect::<Vec<_>>().into_iter().zip(&each) {
            let Notice::Ended { why, outcome } = client.notice(SOON).unwrap();
            assert_eq!(outcome.residue.len(), 0, "{}: {:?}", case.fault, outcome.residue);
            assert_eq!(why, "lease", "{}", case.fault);
        }
        for ((case, victim, _), before) in each.iter().zip(&befores) {
            assert_over(victim, case, before);
        }
        drop(each);
        until(&format!("the host is as before {}", cases[0].fault), SOON, || {
            let now = host.differences(&fingerprint(&[]));
            (!now.iter().any(|found| found.appeared)).then_some(())
        });
    }
}

/// A process that applied a fault and knows nothing of agents.
struct Holder {
    child: Child,
    lines: BufReader<ChildStdout>,
    receipt: Receipt,
}

impl Holder {
    fn start(victim: &Victim, injection: &Injection) -> Holder {
        let mut command = Command::new(ROLE);
        command.env("SQUALL_STATE", victim.state_dir());
        command.arg("hold").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let line = serde_json::to_string(injection).unwrap() + "\n";
        child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let receipt = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        line.clear();
        lines.read_line(&mut line).unwrap();
        assert!(line.starts_with("applied"), "{line}");
        Holder { child, lines, receipt }
    }

    fn bite(&mut self) -> Bite {
        self.child.stdin.as_mut().unwrap().write_all(b"bite\n").unwrap();
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn after_kill_9_of_the_holder_the_receipt_alone_reverts() {
    let test = "after_kill_9_of_the_holder_the_receipt_alone_reverts";
    if !met(test, NEEDS) {
        return;
    }
    let _alone = alone();
    for case in available(test) {
        let victim = (case.victim)();
        let (before, count) = (victim.fingerprint(), case.count(&victim));
        let lease_ms = 60_000;
        let mut holder = Holder::start(&victim, &Injection { lease_ms, ..case.injection(&victim) });
        until_bites(&victim, case, count, || holder.bite());
        holder.child.kill().unwrap();
        holder.child.wait().unwrap();
        until(&format!("{}: reverts", case.fault), SOON, || {
            is_restored(&restore(&holder.receipt)).then_some(())
        });
        assert_over(&victim, case, &before);
    }
}

#[test]
fn a_reused_pid_or_another_boot_is_never_touched() {
    if !met("a_reused_pid_or_another_boot_is_never_touched", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let holder = Holder::start(&victim, &victim.injection("process.pause", &[]));
    victim.until_stopped();
    let text = serde_json::to_string(&holder.receipt).unwrap();
    let start = victim.target.process.start_ticks;
    let other = text.replace(&format!(":{start}"), &format!(":{}", start + 1));
    assert_ne!(text, other);
    assert!(is_restored(&restore(&serde_json::from_str(&other).unwrap())));
    let mut elsewhere = holder.receipt.clone();
    elsewhere.boot.0.push('x');
    assert!(is_restored(&restore(&elsewhere)));
    victim.until_stopped();
    assert!(is_restored(&restore(&holder.receipt)));
    assert!(!victim.is_stopped());
}
