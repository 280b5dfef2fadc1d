//! Many seeds, each a run with its troubles, and mutants that must not get away.

use squall_sim::{Mutant, Options, cases, catch, many, shortest, simulate};

/// Seeds in a usual test; `cargo xtask bench sim` has a hundred thousand.
const RUNS: u64 = 2_000;
/// Runs within which a mutant is caught here; `cargo xtask sim --mutants` has more patience.
const MUTANT_RUNS: u64 = 600;

#[test]
fn no_seed_breaks_a_law() {
    let (sum, found) = many(0, RUNS, None);
    if let Some(found) = found {
        panic!("{}", shortest(&found).text());
    }
    println!("{}", sum.line());
    assert_eq!(sum.runs, RUNS);
    for exit in [Some(0), Some(1), Some(3), Some(5), None] {
        assert!(sum.exits.contains_key(&exit), "no run ends with {exit:?}");
    }
}

#[test]
fn a_seed_that_once_broke_a_law_breaks_none() {
    for case in cases() {
        let report = simulate(&Options { trace: true, ..case.options.clone() });
        let story = report.told.join("\n");
        assert_eq!(report.broken, None, "{}\n{story}", case.found);
    }
}

#[test]
fn a_seed_replays_itself_and_no_other() {
    let run = |seed| simulate(&Options { seed, trace: true, ..Options::default() });
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed));
        assert_ne!(run(seed).hash, run(seed + 1).hash);
        // Writing it down changes nothing of it.
        let untold = simulate(&Options { seed, ..Options::default() });
        assert_eq!(untold.hash, run(seed).hash);
    }
    assert_eq!(many(500, 50, None).0, many(500, 50, None).0);
}

#[test]
fn a_broken_rule_is_seen() {
    let got_away: Vec<Mutant> = Mutant::ALL
        .iter()
        .copied()
        .filter(|mutant| catch(*mutant, MUTANT_RUNS).broken.is_none())
        .collect();
    assert!(got_away.len() * 20 <= Mutant::ALL.len(), "more than 5 % got away: {got_away:?}");
}

#[test]
fn a_found_law_comes_with_the_shortest_story_and_its_command() {
    let (_, found) = many(0, MUTANT_RUNS, Some(Mutant::CloseBeforeRevert));
    let found = shortest(&found.expect("it is caught"));
    let left = found.report.troubles - found.options.without.len();
    assert!(left <= 2, "{:?}", found.options);
    let text = found.text();
    assert!(text.contains("BROKEN: no fault without an open receipt"), "{text}");
    assert!(
        text.contains("cargo xtask sim --seed ") && text.contains(" --mutant CloseBeforeRevert")
    );
}
