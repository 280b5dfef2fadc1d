//! Every diagnostic of the planner, once at least.

use crate::fixture::{Fixture, process, step};
use squall_faults::fault::{Bound, Death, Description, Fault};
use squall_faults::values::Checked;
use squall_plan::{Catalog, History};
use squall_spec::{Duration, LineIndex, check_experiment};
use squall_wire::target::Target;

fn found(fixture: &Fixture) -> Vec<String> {
    let (plan, diagnostics) = fixture.plan();
    assert_eq!(plan.is_none(), diagnostics.iter().any(|d| d.is_error()));
    let line = |d: &squall_spec::Diagnostic| {
        let text = &fixture.experiment[d.span.start..d.span.end];
        let help = d.help.as_ref().map(|help| format!(" = {help}")).unwrap_or_default();
        let label = Some(&d.label).filter(|l| !l.is_empty());
        let label = label.map(|label| format!(" ^ {label}")).unwrap_or_default();
        format!("{}[{}] {}{label}{help}", d.code, text, d.message)
    };
    diagnostics.iter().map(line).collect()
}

fn check(fixture: &Fixture, expected: &[&str]) {
    assert_eq!(found(fixture), expected);
}

#[test]
fn the_catalog_and_the_query_language_check_the_file() {
    let fixture = Fixture::new(&step("process.puase", "{service: payment}", ""));
    let text = fixture.experiment.replace("[30s])))", "[30s]))");
    let (experiment, diagnostics) = check_experiment(&text, &Catalog::all());
    assert!(experiment.is_none());
    let lines = LineIndex::new(&text);
    let codes: Vec<_> =
        diagnostics.iter().map(|d| (d.code, lines.position(d.span.start).line)).collect();
    assert_eq!(codes, [("P102", 14), ("P101", 17)]);
    assert_eq!(diagnostics[1].label, "did you mean \"process.pause\"?");
    let (_, diagnostics) = check_experiment(
        &Fixture::new(&step("process.pause", "{pid: 7}", ", with: {tere: no}")).experiment,
        &Catalog::all(),
    );
    assert_eq!((diagnostics[0].code, &*diagnostics[0].label), ("F001", "did you mean \"tree\"?"));
}

#[test]
fn nobody_takes_every_instance_of_a_service() {
    let all = Fixture::pause("{service: payment, instances: 2}");
    check(
        &all,
        &[
            "P201[2] the plan would take every instance of payment (2 of 2) = instances: 1, or add another instance, or say so: radius: {allowAll: true}",
        ],
    );
    check(
        &all.policy("  allow: [{faults: \"*\"}]\n"),
        &[
            "P201[2] the plan would take every instance of payment (2 of 2) = instances: 1, or add another instance; policy staging has no exception",
        ],
    );
    check(
        &Fixture::pause("{service: order}"),
        &[
            "P201[target] the plan would take every instance of order (1 of 1) = add a second instance, or say so: radius: {allowAll: true}",
        ],
    );
    check(
        &Fixture::pause("{process: gateway}").more("  radius: {allowAll: true}\n"),
        &[
            "P302[target] gateway answers http://127.0.0.1:8080/metrics, which the run measures with",
        ],
    );
    let (plan, _) = Fixture::pause("{service: payment, instances: 2}")
        .more("  radius: {allowAll: true}\n")
        .policy("  allow: [{faults: \"*\"}]\n  limits: {allowAll: true}\n")
        .plan();
    assert!(plan.is_some());
}

#[test]
fn a_missing_target_is_named() {
    check(
        &Fixture::pause("{service: paymnt}"),
        &["P202[paymnt] no service paymnt runs here ^ did you mean \"payment\"?"],
    );
    let mut asleep = Fixture::pause("{service: billing}");
    asleep.services = Some("services: {billing: [{port: 9}]}\n");
    check(
        &asleep,
        &[
            "P202[billing] no service billing runs here ^ the services file knows it = none of \
             its instances runs: start one, or correct the services file",
            "P304[billing] billing-1 of the services file does not run",
        ],
    );
    check(
        &Fixture::pause("{pid: 99}"),
        &["P202[99] no pid 99 runs here = squall plan looks at this host only"],
    );
    check(
        &Fixture::pause("{labels: {zone: c}}"),
        &["P202[target] nothing runs here with these labels = squall plan looks at this host only"],
    );
    check(
        &Fixture::pause("{service: payment, instances: 3}"),
        &["P207[3] 3 instances of payment are asked for, 2 can be taken = instances: 2 at most"],
    );
}

#[test]
fn events_that_come_twice_are_warned_of() {
    let mut fixture = Fixture::pause("{service: payment}");
    let traffic = "    - traffic:";
    let twice = format!("    - prometheus: http://127.0.0.1:9090\n{traffic}");
    fixture.experiment = fixture.experiment.replacen(traffic, &twice, 1);
    let expected = "P305[http://127.0.0.1:9090] both sources may bring the same events, and each \
                    event counts ^ read here again = keep one of them, or make sure that they \
                    know different targets";
    check(&fixture, &[expected]);
}

#[test]
fn protected_processes_are_never_taken() {
    for (target, why) in [
        ("{pid: 1}", "P204[1] pid 1 is protected: the first process of the machine"),
        ("{pid: 2}", "P204[2] pid 2 is protected: a thread of the kernel"),
        ("{pid: 40}", "P204[40] pid 40 is protected: a thread of the kernel"),
        ("{process: sshd}", "P204[sshd] sshd is protected: the way in"),
        ("{port: 22}", "P204[22] port 22 is protected: the way in"),
        ("{pid: 5000}", "P204[5000] pid 5000 is protected: Squall or what started it"),
        ("{process: squall}", "P204[squall] squall is protected: Squall or what started it"),
    ] {
        check(&Fixture::pause(target), &[why]);
    }
    let policy = "  allow: [{faults: \"*\"}]\n  protect: {ports: [5432], services: [payment]}\n";
    check(
        &Fixture::pause("{process: postgres}").policy(policy),
        &["P204[postgres] postgres is protected: policy staging says so"],
    );
    check(
        &Fixture::pause("{port: 9002}").policy(policy),
        &["P204[9002] port 9002 is protected: policy staging says so"],
    );
}

#[test]
fn a_manager_that_holds_the_socket_is_not_the_service() {
    let mut fixture = Fixture::pause("{port: 9002}");
    fixture.inventory.processes[0].listening = vec![([127, 0, 0, 1], 9002).into()];
    check(&fixture, &[]);
}

#[test]
fn names_and_processes_are_one_to_one() {
    let mut fixture = Fixture::pause("{service: payment}");
    fixture.services = Some(
        "services:
  payment: [{process: payment, name: both}, {port: 9002, name: a}, {pid: 4121, name: b}, {port: 1, name: gone}]
",
    );
    check(
        &fixture,
        &[
            "P201[target] the plan would take every instance of payment (1 of 1) = add a second instance, or say so: radius: {allowAll: true}",
            "P203[payment] both fits 2 processes = give each a line of its own; pids 4121, 4188",
            "P206[payment] a and b are one process = both lines find pid 4121",
            "P304[payment] gone of the services file does not run",
        ],
    );
}

#[test]
fn the_radius_bounds_all_steps() {
    let two =
        step("process.pause", "{port: 9002}", "") + &step("process.pause", "{port: 9003}", "");
    let help = "lower the instances of the steps, or split the experiment";
    let message = "the plan would take 2 instances; the radius allows 1";
    check(
        &Fixture::new(&two).more("  radius: {instances: 1}\n"),
        &[&format!("P205[1] {message} = {help}")],
    );
    let message = "the plan would take 2 instances; policy staging allows 1";
    check(
        &Fixture::new(&two).policy("  allow: [{faults: \"*\"}]\n  limits: {instances: 1}\n"),
        &[&format!("P205[target] {message} = {help}")],
    );
    let mut many = Fixture::pause("{service: cart, instances: 11}");
    many.services = None;
    many.inventory.processes.extend((0..12).map(|n| process(6_000 + n, 1, "cart", None)));
    let message = "the plan would take 11 instances; no plan takes more than 10";
    check(&many, &[&format!("P205[target] {message} = {help}")]);
}

#[test]
fn policy_and_window_decide_who_and_when() {
    let pause = || Fixture::pause("{service: payment}");
    check(
        &pause().policy("  allow: [{faults: net.*}]\n"),
        &["P210[process.pause] policy staging does not allow process.pause on payment"],
    );
    check(
        &pause().policy("  allow: [{faults: \"*\", services: [order]}]\n"),
        &["P210[process.pause] policy staging does not allow process.pause on payment"],
    );
    check(
        &pause().policy("  allow: [{faults: \"*\", who: bob}]\n"),
        &["P212[process.pause] policy staging allows process.pause to others than alice"],
    );
    let night = "window: 22:00-06:00 Asia/Shanghai";
    check(
        &pause().policy(&format!("  allow:\n    - faults: \"*\"\n      {night}\n")),
        &[
            "P211[process.pause] policy staging allows process.pause at 22:00-06:00 Asia/Shanghai only",
        ],
    );
    check(
        &pause().more(&format!("  {night}\n")),
        &[
            "P211[22:00-06:00 Asia/Shanghai] now is outside the experiment's window 22:00-06:00 Asia/Shanghai = wait for it, or change window:",
        ],
    );
    check(&pause().more("  window: 09:00-17:00 Asia/Shanghai\n"), &[]);
}

#[test]
fn the_budget_is_a_bound() {
    let mut fixture = Fixture::pause("{service: payment}").more("  budget: {allowance: 10m}\n");
    fixture.history = Some(History { spent: Duration::from_millis(595_000), ..History::default() });
    check(
        &fixture,
        &[
            "P220[10m] this may cost 0.14 min of error budget, 0.08 min are left = a shorter hold or lease, or a larger allowance",
        ],
    );
}

#[test]
fn what_cannot_be_decided_is_told_before() {
    let mut fixture = Fixture::pause("{service: payment}");
    let bad = [("order success".to_owned(), 0.0003)].into();
    fixture.history = Some(History { baseline_bad: bad, ..History::default() });
    check(
        &fixture,
        &[
            "P301[60s] the last baseline had 0.03 % of requests failed; then 60 s ends inconclusive = hold: 8m decides it (240,000 requests), or expect less",
        ],
    );
    let mut slow = Fixture::pause("{service: payment}");
    slow.experiment = slow.experiment.replace("500/s", "5/s");
    check(
        &slow,
        &[
            "P301[60s] 300 requests cannot tell order success from its bound; then 60 s ends inconclusive = hold: 1h8m decides it (20,400 requests), or expect less",
        ],
    );
}

#[test]
fn a_target_that_is_measured_with_is_told() {
    let fixture = Fixture::pause("{port: 8080}");
    check(
        &fixture,
        &[
            "P302[target] gateway-4000 answers http://127.0.0.1:8080/metrics, which the run measures with",
        ],
    );
}

/// A fault that wants its target to listen.
struct Listening;

static LISTENING: Description = Description {
    name: "test.listening",
    family: "test",
    summary: "wants its target to listen",
    death: Death::OneShot,
    params: &[],
    filters: &[],
    acts: "",
    ends: "",
    spares: "",
    hit_word: "",
    tolerance: squall_faults::dose::Tolerance::Own,
    conflicts: &[],
    needs: &[],
    example: "",
    cases: "",
};

impl Fault for Listening {
    fn describe(&self) -> &'static Description {
        &LISTENING
    }

    fn bound(&self, _values: &Checked) -> Bound {
        Bound { text: String::new(), per_mille_hurt: 0 }
    }

    fn fits(&self, _values: &Checked, target: &Target) -> Result<(), String> {
        if target.listening.is_empty() { Err("it listens nowhere".to_owned()) } else { Ok(()) }
    }
}

#[test]
fn a_fault_that_does_not_fit_says_why() {
    let mut fixture = Fixture::new(&step("test.listening", "{pid: 900}", ""));
    fixture.catalog = Catalog::of(vec![&Listening]);
    check(&fixture, &[]);
    fixture.inventory.processes[4].listening.clear();
    check(
        &fixture,
        &["P208[target] test.listening cannot act on postgres-900: it listens nowhere"],
    );
}

#[test]
fn every_code_of_the_planner_is_tested() {
    let tests = include_str!("refusals.rs");
    let sources = [
        include_str!("../../src/catalog.rs"),
        include_str!("../../src/choose.rs"),
        include_str!("../../src/decide.rs"),
        include_str!("../../src/make.rs"),
        include_str!("../../src/permit.rs"),
        include_str!("../../src/select.rs"),
        include_str!("../../src/worst_case.rs"),
    ];
    let declared = sources.iter().flat_map(|source| source.split("Code = Code::").skip(1));
    let codes: Vec<_> = declared.filter_map(|text| text.split('"').nth(1)).collect();
    assert_eq!(codes.len(), 17, "{codes:?}");
    let page = include_str!("../../../../docs/language/plan.md");
    let row = |code: &str| page.contains(&format!("| {code} |"));
    let bare: Vec<_> = codes.iter().filter(|c| !tests.contains(**c) || !row(c)).collect();
    assert!(bare.is_empty(), "codes without a test or a row in docs/language/plan.md: {bare:?}");
}
