//! The program behind `cargo xtask sim`.

#![forbid(unsafe_code)]

use squall_sim::{Mutant, Options, catch, many, shortest, simulate};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "\
usage: cargo xtask sim [--seed N] [--runs M] [--trace] [--without A,B] [--mutant NAME]
       cargo xtask sim --mutants [--runs M]

  --seed N       the first seed (0)
  --runs M       how many seeds (1 with --seed, else 2000)
  --trace        prints what happens in the run of the seed
  --without A,B  leaves out these troubles of the seed
  --mutant NAME  breaks a rule on purpose
  --mutants      breaks each rule in turn and prints which law catches it";

#[derive(Default)]
struct Words {
    seed: Option<u64>,
    runs: Option<u64>,
    trace: bool,
    without: Vec<usize>,
    mutant: Option<Mutant>,
    mutants: bool,
}

fn main() -> ExitCode {
    match read(std::env::args().skip(1)) {
        Ok(words) if words.mutants => mutants(words.runs.unwrap_or(2_000)),
        Ok(words) if words.trace || !words.without.is_empty() => one(words),
        Ok(words) => runs(&words),
        Err(why) => {
            eprintln!("error: {why}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn read(mut args: impl Iterator<Item = String>) -> Result<Words, String> {
    let mut words = Words::default();
    while let Some(arg) = args.next() {
        let mut next = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--trace" => words.trace = true,
            "--mutants" => words.mutants = true,
            "--seed" => words.seed = Some(number(&next()?)?),
            "--runs" => words.runs = Some(number(&next()?)?),
            "--without" => {
                words.without = next()?.split(',').map(number).collect::<Result<_, _>>()?;
            }
            "--mutant" => words.mutant = Some(mutant(&next()?)?),
            _ => return Err(format!("no such word: {arg}")),
        }
    }
    Ok(words)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn mutant(name: &str) -> Result<Mutant, String> {
    let find = |mutant: &&Mutant| format!("{mutant:?}") == name;
    Mutant::ALL.iter().find(find).copied().ok_or(format!("no mutant is called {name}"))
}

/// One seed, with its story.
fn one(words: Words) -> ExitCode {
    let Words { seed, without, mutant, trace, .. } = words;
    let report = simulate(&Options { seed: seed.unwrap_or(0), without, mutant, trace });
    report.told.iter().for_each(|line| println!("{line}"));
    println!("exit {:?}, {} events, hash {:016x}", report.exit, report.events, report.hash);
    code(report.broken.is_none())
}

/// Many seeds, until one breaks a law.
fn runs(words: &Words) -> ExitCode {
    let first = words.seed.unwrap_or(0);
    let usual = if words.seed.is_some() { 1 } else { 2_000 };
    let begin = Instant::now();
    let (sum, found) = many(first, words.runs.unwrap_or(usual), words.mutant);
    let took = begin.elapsed().as_secs_f64();
    println!("{}", sum.line());
    println!("{took:.1} s, {:.0} virtual hours a minute", sum.virtual_hours() * 60.0 / took);
    if let Some(found) = &found {
        println!("{}", shortest(found).text());
    }
    code(found.is_none())
}

/// The table of mutants.
fn mutants(runs_max: u64) -> ExitCode {
    let mut caught = 0;
    println!("| mutant | breaks | caught by | after runs |\n| --- | --- | --- | ---: |");
    for mutant in Mutant::ALL {
        let got = catch(*mutant, runs_max);
        caught += usize::from(got.broken.is_some());
        let law = got.broken.map_or("**not caught**", |broken| broken.law);
        println!("| {mutant:?} | {} | {law} | {} |", mutant.what(), got.runs);
    }
    let all = Mutant::ALL.len();
    let mut line = String::new();
    _ = write!(line, "\n{caught} of {all} caught ({:.0} %)", caught as f64 * 100.0 / all as f64);
    println!("{line}, each within {runs_max} runs.");
    code(caught == all)
}

fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
