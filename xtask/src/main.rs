//! The project's own tool: one verb a file. It depends on one package, so that the first line of
//! output comes within seconds of a fresh clone.

#![forbid(unsafe_code)]

mod audit;
mod bench;
mod command;
mod demo;
mod dist;
mod fuzz;
mod gen_lists;
mod setup;
mod sim;
mod test;
mod tidy;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask VERB

  demo           builds Squall and the shop, runs one experiment twice: refuted, then held
  test [LAYER]   every test this machine can run, or one layer
  tidy           the rules of the house that a machine can check
  gen [KIND]     rewrites the generated lists, or the one; --check says which are stale
  gen docs       rewrites docs/faults/ from the catalog and the figures
  bench [NAME]   the figures of bench/README.md; `faults [FAMILY] [--write]` those of bench/faults/
  bench residue [--kills N] [--minutes N] [--fault NAME] [--fresh] [--write]
                 the crash campaign of docs/safety.md, going on where it was
  audit          licenses, bans, sources and known holes of what is linked in
  sim [WORDS]    both cores in a simulated world; `sim --help` lists the words
  fuzz [TARGET]  looks for inputs that break a reader of outside bytes; --seconds N for each target
                 (60), --keep takes what was found into the corpus
  dist           the release binary, with its size";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["demo"] => demo::run(),
        ["demo-sweep"] => demo::sweep(),
        ["test"] => test::run(None),
        ["test", layer] => test::run(Some(layer)),
        ["tidy"] => tidy::run(),
        ["gen"] => gen_lists::run(gen_lists::Mode::Write, None),
        ["gen", "--check"] => gen_lists::run(gen_lists::Mode::Check, None),
        ["gen", "docs"] => gen_docs(),
        ["gen", kind] => gen_lists::run(gen_lists::Mode::Write, Some(kind)),
        ["bench", words @ ..] => bench::run(words),
        ["audit"] => audit::run(),
        ["sim", words @ ..] => sim::run(words),
        ["fuzz", words @ ..] => fuzz::run(words),
        ["dist"] => dist::run(),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => Err(format!("no such verb: {}\n{USAGE}", words.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            if !message.is_empty() {
                eprintln!("error: {message}");
            }
            ExitCode::FAILURE
        }
    }
}

/// The test that compares the pages writes the stale ones; it is asked twice, since it fails then.
fn gen_docs() -> Result<(), String> {
    let words = ["test", "--quiet", "--package", "squall-faults", "--features", "effects"];
    let mut cargo = command::cargo();
    cargo.args(words).args(["--test", "it", "docs::the_pages"]);
    if command::run(&mut cargo).is_ok() {
        return Ok(());
    }
    command::run(&mut cargo)
}
