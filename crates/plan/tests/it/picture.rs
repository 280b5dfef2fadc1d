//! The dry run as a person sees it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use crate::fixture::{Fixture, step};
use squall_plan::render;

#[test]
fn the_dry_run_reads_like_the_design() {
    let fixture = Fixture::pause("{service: payment}")
        .policy("  allow: [{faults: process.*, who: [alice, bob]}]\n")
        .more("  budget: {allowance: 10m}\n");
    let (plan, diagnostics) = fixture.plan();
    assert_eq!(diagnostics, []);
    let expected = "\
payment-stops   dry run, nothing was touched

  Hypothesis    Orders keep succeeding while a payment stands still.

  Radius        1 of 2 payment instances · 1 host
    hit         payment-1   pid 4121   127.0.0.1:9002   network namespace 4026532281
    spared      payment-2   pid 4188   127.0.0.1:9003
    protected   ssh, the agent, the scrape of 127.0.0.1:8080

  Steps
    1 baseline     30 s     refused unless both indicators are inside their bounds
    2 inject                process.pause, the process answers nothing until it goes on
    3 hold         60 s     lease 5 s, renewed while the engine lives; undone from its receipt
    4 recover    ≤ 30 s

  Worst case
    time        2 min 5 s, of which 65 s with the fault (60 s and one lease)
    budget      0.14 of 21.6 min in 30 days:
                2 s until the rule fires and a lease of 5 s with all requests lost
                allowance 10.0 min, 10.0 min left

  Can it decide?   500 requests/s, 1 sample a second, false abort at most 1 %
    order success       refuted  2 samples with 11 or more failed requests each
                        held     at most 1 failed request among the 30,000 of 60 s
    order latency p95   refuted  2 samples with 81 or more late requests each
                        held     after 1 s

  Allowed by policy staging: process.pause, by alice and bob, at any time
";
    assert_eq!(render(&plan.unwrap()), expected);
}

#[test]
fn a_plan_is_data_for_programs() {
    let steps = step("process.pause", "{service: payment}", "")
        + &step("process.pause", "{process: gateway, instances: 1}", ", lease: 10s");
    let fixture = Fixture::new(&steps).more("  radius: {allowAll: true}\n");
    let (plan, _) = fixture.plan();
    let plan = plan.unwrap();
    assert_eq!(plan.radius, "1 of 2 payment instances, 1 of 1 gateway instance, 1 host");
    assert_eq!(plan.worst_case.lease_ms, 10_000);
    let names: Vec<_> = plan.injections.iter().map(|i| (&*i.id, &*i.target.name)).collect();
    assert_eq!(names, [("i1", "payment-1"), ("i2", "gateway")]);
    assert_eq!(plan.injections[0].cap_ms, 65_000);
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["steps"][1]["injections"][0], 1);
    assert_eq!(json["injections"][0]["target"]["process"]["start_ticks"], 41_210);
}
