//! Both cores in a simulated world: a hundred thousand runs, and every mutant.
//! `cargo xtask bench sim` prints them as `bench/sim.md` keeps them.

use crate::figure::Table;
use squall_sim::{Mutant, catch, many, shortest};
use std::time::Instant;

/// Runs of the product as it is.
const RUNS: u64 = 100_000;
/// Runs within which a mutant has to be caught.
const MUTANT_RUNS: u64 = 2_000;

pub(crate) fn run(table: &mut Table) {
    let begin = Instant::now();
    let (sum, found) = many(0, RUNS, None);
    let took_s = begin.elapsed().as_secs_f64();
    println!("{}\n", sum.line());
    let broken = found.as_ref().map_or(0.0, |_| 1.0);
    if let Some(found) = &found {
        println!("{}\n", shortest(found).text());
    }
    let hours = sum.virtual_hours() * 60.0 / took_s;
    table.numbers("simulated runs", "Squall", "100000", "", &[sum.runs as f64]);
    table.numbers("of them breaking a law", "Squall", "0", "", &[broken]);
    table.numbers("virtual hours a minute", "Squall", "≥ 5000", "h", &[hours]);
    println!("| mutant | breaks | caught by | after runs |\n| --- | --- | --- | ---: |");
    let mut runs = Vec::new();
    for mutant in Mutant::ALL {
        let caught = catch(*mutant, MUTANT_RUNS);
        let law = caught.broken.as_ref().map_or("**not caught**", |broken| broken.law);
        println!("| {mutant:?} | {} | {law} | {} |", mutant.what(), caught.runs);
        runs.extend(caught.broken.map(|_| caught.runs as f64));
    }
    println!();
    let share = runs.len() as f64 * 100.0 / Mutant::ALL.len() as f64;
    table.numbers("mutants caught", "Squall", "≥ 95 %", "%", &[share]);
    table.numbers("runs until a mutant is caught", "Squall", "≤ 2000", "", &runs);
}
