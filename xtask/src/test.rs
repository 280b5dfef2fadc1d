//! Runs every test this machine can run, layer by layer, cheapest first, and adds them up. The
//! last line is `N passed, N failed, N skipped`.

mod browser;
mod failures;
mod go;
mod pace;
mod rust;
mod tally;

use crate::{command, setup, tidy};
use failures::Outcome;
use std::time::Instant;
use tally::Tally;

/// What a layer is called and what runs it.
type Layer = (&'static str, fn(&mut Built) -> Result<Outcome, String>);

/// Every layer in order.
const LAYERS: &[Layer] = &[
    ("tidy", |_| tidied()),
    ("fmt", |_| once(&["fmt", "--all", "--check"])),
    ("clippy", |_| once(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    ("unit", |built| rust::unit(built.get()?)),
    ("cli", |built| rust::cli(built.get()?)),
    ("go", |_| go::run()),
    ("real", |built| rust::real(built.get()?)),
    ("browser", |_| browser::run()),
];

/// The tests' programs, built once and only if a layer runs them.
#[derive(Default)]
struct Built(Option<rust::Programs>);

impl Built {
    fn get(&mut self) -> Result<&rust::Programs, String> {
        if self.0.is_none() {
            self.0 = Some(rust::build()?);
        }
        Ok(self.0.as_ref().expect("invariant: just built"))
    }
}

/// Runs every layer, or the one named.
pub(crate) fn run(only: Option<&str>) -> Result<(), String> {
    let layers: Vec<&Layer> =
        LAYERS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)).collect();
    if layers.is_empty() {
        let names: Vec<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no such layer; there are {}", names.join(", ")));
    }
    setup::ensure(&setup::TEST)?;
    let mut built = Built::default();
    let mut sum = Outcome::default();
    for (name, layer) in layers {
        println!("== {name}");
        let begin = Instant::now();
        // A layer that could not run has failed, and the ones after it still run.
        let outcome = layer(&mut built).unwrap_or_else(|message| {
            println!("{message}");
            Outcome::failed(name, message)
        });
        println!("== {name}: {} in {} s", outcome.tally, begin.elapsed().as_secs());
        sum += outcome;
    }
    print!("{}", failures::said(&sum.failures));
    let sum = sum.tally;
    println!("{sum}");
    let strict = std::env::var("CI").is_ok_and(|ci| ci == "true") && sum.skipped > 0;
    // The plain line is the last one: nothing is said after it.
    if sum.failed > 0 || strict { Err(String::new()) } else { Ok(()) }
}

/// A cargo command that is one test as a whole.
fn once(args: &[&str]) -> Result<Outcome, String> {
    command::run(command::cargo().args(args))?;
    Ok(Tally::PASSED.into())
}

/// The house's rules; each is a test.
fn tidied() -> Result<Outcome, String> {
    let (passed, findings) = tidy::look()?;
    let mut sum = Outcome::from(Tally { passed, ..Tally::default() });
    for (name, said) in findings {
        sum += Outcome::failed(&format!("tidy: {name}"), said);
    }
    Ok(sum)
}
