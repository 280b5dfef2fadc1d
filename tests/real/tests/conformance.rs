//! What every fault of the catalogue has to stand, by loop: no fault is forgotten.

use crate::victim::{Agent, ROLE, SOON, Victim, alone, arm, disarm};
use squall_agent::journal::peek;
use squall_agent::restore::{is_restored, restore};
use squall_faults::catalog::{self, ALL};
use squall_faults::fault::Kind;
use squall_faults::values::check;
use squall_real::needs::{Need, met};
use squall_real::until::until;
use squall_wire::injection::{Bite, Injection, Values};
use squall_wire::protocol::{Answer, Ask, Notice};
use squall_wire::receipt::Receipt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];

/// How one fault is used on the test's target, and how its effect is seen from outside.
pub(crate) struct Case {
    pub(crate) fault: &'static str,
    pub(crate) with: &'static [(&'static str, &'static str)],
    pub(crate) hurts: fn(&Victim) -> bool,
}

/// One line a fault; `every_fault_has_a_case` fails where one is missing.
pub(crate) const CASES: &[Case] = &[
    Case { fault: "cpu.load", with: &[("percent", "50%")], hurts: burns },
    Case { fault: "http.delay", with: &[("mean", "120ms"), ("jitter", "0s")], hurts: is_late },
    Case { fault: "net.refuse", with: &[], hurts: is_refused },
    Case { fault: "process.pause", with: &[], hurts: Victim::is_stopped },
];

fn burns(victim: &Victim) -> bool {
    let mount = squall_real::lab::cgroup2_mount().unwrap();
    let file = mount.join(victim.target.cgroup.trim_start_matches('/')).join("cpu.stat");
    let used = || {
        let text = std::fs::read_to_string(&file).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
        line.unwrap().parse::<u64>().unwrap()
    };
    let (before, start) = (used(), Instant::now());
    std::thread::sleep(Duration::from_millis(200));
    // Half a core is asked for; the target itself uses far less than a tenth.
    (used() - before) as u128 * 5 > start.elapsed().as_micros()
}

fn is_late(victim: &Victim) -> bool {
    let start = Instant::now();
    victim.get("/").is_ok_and(|body| body == "hello") && start.elapsed().as_millis() >= 110
}

fn is_refused(victim: &Victim) -> bool {
    let (dialed, refused) = victim.dials();
    until("the target dials", SOON, || {
        let now = victim.dials();
        (now.0 + now.1 >= dialed + refused + 5).then_some(now)
    })
    .0
    .1 > refused
}

fn injection(victim: &Victim, case: &Case) -> Injection {
    victim.injection(case.fault, case.with)
}

#[test]
fn every_fault_has_a_case() {
    let mut faults: Vec<_> = ALL.iter().map(|entry| entry.fault.describe().name).collect();
    faults.sort_unstable();
    let cases: Vec<_> = CASES.iter().map(|case| case.fault).collect();
    assert_eq!(faults, cases, "a new fault says in CASES how its effect is seen");
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
        let pairs = case.with.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        let values = check(entry.fault, &pairs.collect(), &Values::new()).unwrap();
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
        let good = || {
            let pairs = case.with.iter();
            pairs.map(|(key, value)| (key.to_string(), value.to_string())).collect::<Values>()
        };
        let mut unknown = good();
        unknown.insert("surely-not-a-key".into(), "1".into());
        let issues = check(entry.fault, &unknown, &Values::new()).unwrap_err();
        assert!(issues[0].at_key && issues[0].key == "surely-not-a-key", "{}", case.fault);
        let blocks = [(about.params, true), (about.filters, false)];
        for (params, is_with) in blocks {
            // A pattern is any text, so nothing is wrong with this one.
            for param in params.iter().filter(|param| !matches!(param.kind, Kind::Pattern)) {
                let (mut with, mut filters) = (good(), Values::new());
                let block = if is_with { &mut with } else { &mut filters };
                block.insert(param.name.into(), "\u{1f300} nonsense".into());
                let issues = check(entry.fault, &with, &filters).unwrap_err();
                let of_it = issues.iter().find(|issue| issue.key == param.name).unwrap();
                assert!(!of_it.message.is_empty() && of_it.code.starts_with('F'));
            }
        }
    }
}

/// Waits until the fault is seen from outside and shows itself.
fn until_bites(what: &str, victim: &Victim, case: &Case, mut bite: impl FnMut() -> Bite) {
    until(&format!("{what}: hurts"), SOON, || (case.hurts)(victim).then_some(()));
    let (bite, _) =
        until(&format!("{what}: bites"), SOON, || Some(bite()).filter(|bite| bite.hits > 0));
    assert!(bite.hits <= bite.seen && !bite.detail.is_empty(), "{what}: {bite:?}");
}

fn until_well(what: &str, victim: &Victim, case: &Case) {
    until(&format!("{what}: is over"), SOON, || (!(case.hurts)(victim)).then_some(()));
}

#[test]
fn apply_bites_and_revert_leaves_nothing_even_twice() {
    if !met("apply_bites_and_revert_leaves_nothing_even_twice", NEEDS) {
        return;
    }
    let _alone = alone();
    for case in CASES.iter().filter(|case| catalog::find(case.fault).is_some()) {
        let victim = Victim::new();
        let agent = Agent::start(&victim);
        let mut client = agent.client();
        assert!(!(case.hurts)(&victim), "{}: unhurt before", case.fault);
        let before = victim.fingerprint();
        let armed = arm(&mut client, &injection(&victim, case));
        println!("{}: {} after {} µs", case.fault, armed.mechanism, armed.apply_us);
        let receipt = peek(&agent.paths.state_dir).unwrap().open.remove(0);
        until_bites(case.fault, &victim, case, || {
            let ask = Ask::Bite { run: "run1".into(), injection: "i1".into() };
            let Ok(Answer::Bite(bite)) = client.call(ask) else { panic!("{}", case.fault) };
            bite
        });
        let during = before.differences(&victim.fingerprint());
        assert!(!during.is_empty(), "{}: the fingerprint would not see residue", case.fault);
        let outcomes = disarm(&mut client, "run1");
        assert_eq!(outcomes[0].residue, Vec::<String>::new(), "{}", case.fault);
        assert!(outcomes[0].bite.as_ref().is_some_and(|bite| bite.hits > 0), "{}", case.fault);
        until_well(case.fault, &victim, case);
        victim.assert_unchanged(&before);
        let again = restore(&receipt);
        assert!(is_restored(&again), "{}: {again:?}", case.fault);
        assert!(!again.advice.is_empty(), "{}: advice for a person", case.fault);
        victim.assert_unchanged(&before);
        // The same once more: nothing of the first stands in the way of the second.
        arm(&mut client, &Injection { id: "i2".into(), ..injection(&victim, case) });
        until(&format!("{}: hurts again", case.fault), SOON, || {
            (case.hurts)(&victim).then_some(())
        });
        disarm(&mut client, "run1");
        victim.assert_unchanged(&before);
    }
}

#[test]
fn a_lease_that_ends_reverts_every_fault() {
    if !met("a_lease_that_ends_reverts_every_fault", NEEDS) {
        return;
    }
    let _alone = alone();
    for case in CASES.iter().filter(|case| catalog::find(case.fault).is_some()) {
        let victim = Victim::new();
        let agent = Agent::start(&victim);
        let mut client = agent.client();
        let before = victim.fingerprint();
        let lease_ms = 1_500;
        arm(&mut client, &Injection { lease_ms, ..injection(&victim, case) });
        let Notice::Ended { why, outcome } = client.notice(SOON).unwrap();
        assert_eq!((why.as_str(), outcome.residue.len()), ("lease", 0), "{}", case.fault);
        until_well(case.fault, &victim, case);
        victim.assert_unchanged(&before);
    }
}

/// A process that applied a fault and knows nothing of agents.
struct Holder {
    child: Child,
    lines: BufReader<ChildStdout>,
    receipt: Receipt,
}

impl Holder {
    fn start(injection: &Injection) -> Holder {
        let mut command = Command::new(ROLE);
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
    if !met("after_kill_9_of_the_holder_the_receipt_alone_reverts", NEEDS) {
        return;
    }
    let _alone = alone();
    for case in CASES.iter().filter(|case| catalog::find(case.fault).is_some()) {
        let victim = Victim::new();
        let before = victim.fingerprint();
        let lease_ms = 60_000;
        let mut holder = Holder::start(&Injection { lease_ms, ..injection(&victim, case) });
        until_bites(case.fault, &victim, case, || holder.bite());
        holder.child.kill().unwrap();
        holder.child.wait().unwrap();
        until(&format!("{}: reverts", case.fault), SOON, || {
            is_restored(&restore(&holder.receipt)).then_some(())
        });
        until_well(case.fault, &victim, case);
        victim.assert_unchanged(&before);
    }
}

#[test]
fn a_reused_pid_or_another_boot_is_never_touched() {
    if !met("a_reused_pid_or_another_boot_is_never_touched", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let holder = Holder::start(&victim.injection("process.pause", &[]));
    assert!(victim.is_stopped());
    let text = serde_json::to_string(&holder.receipt).unwrap();
    let start = victim.target.process.start_ticks;
    let other = text.replace(&format!(":{start}"), &format!(":{}", start + 1));
    assert_ne!(text, other);
    assert!(is_restored(&restore(&serde_json::from_str(&other).unwrap())));
    let mut elsewhere = holder.receipt.clone();
    elsewhere.boot.0.push('x');
    assert!(is_restored(&restore(&elsewhere)));
    assert!(victim.is_stopped(), "neither receipt was about this process");
    assert!(is_restored(&restore(&holder.receipt)));
    assert!(!victim.is_stopped());
}
