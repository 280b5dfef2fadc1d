//! Many seeds, each a run with its troubles; one seed alone prints its story.

use squall_sim::simulate;

/// Seeds in a usual test; `SQUALL_SIM_RUNS` asks for more.
const RUNS: u64 = 1_000;

#[test]
fn no_seed_breaks_a_law() {
    if let Ok(seed) = std::env::var("SQUALL_SIM_SEED") {
        let seed = seed.parse().expect("SQUALL_SIM_SEED is a number");
        let report = simulate(seed);
        println!("{}", report.told.join("\n"));
        assert_eq!(report.broken, None);
        return;
    }
    let runs = std::env::var("SQUALL_SIM_RUNS").ok().and_then(|runs| runs.parse().ok());
    let runs = runs.unwrap_or(RUNS);
    let mut exits = std::collections::BTreeMap::new();
    let mut events = 0;
    for seed in 0..runs {
        let report = simulate(seed);
        let story = report.told.join("\n");
        assert_eq!(report.broken, None, "SQUALL_SIM_SEED={seed} replays this:\n{story}");
        *exits.entry(report.exit).or_insert(0) += 1;
        events += report.events;
    }
    println!("{runs} seeds, {events} events, exits {exits:?}");
}

#[test]
fn a_seed_replays_itself() {
    assert_eq!(simulate(7), simulate(7));
}
