//! The crash campaign: kills whoever matters at every point of every fault and looks whether
//! anything stays. Results are kept, so that a stopped campaign goes on where it was.

use crate::{command, demo, setup, tree};

/// Kills of one run: with the cuts of the journal some nine minutes on two cores.
const KILLS: &str = "1000";

/// `[--kills N] [--fresh] [--fault NAME] [--write]`
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    setup::ensure(&setup::BENCH)?;
    if !setup::root() {
        return Err("the campaign kills agents and loads BPF: please run it as root".to_owned());
    }
    let after = |word: &str| {
        let at = words.iter().position(|found| *found == word)?;
        words.get(at + 1).copied()
    };
    let has = |word: &str| words.contains(&word);
    demo::build_instrumented()?;
    println!("bench: building squall and the campaign");
    command::run(command::cargo().args(["build", "--release", "--package", "squall-cli"]))?;
    let results = tree::target().join("residue.jsonl");
    if has("--fresh") {
        // Where there is none, it is fresh already.
        let _none = std::fs::remove_file(&results);
    }
    for test in ["residue::cuts::", "residue::whoever"] {
        let mut cargo = command::cargo();
        cargo.args(["test", "--release", "--package", "squall-real", "--test", "real", "--"]);
        cargo.args([test, "--nocapture"]).env("SQUALL_RESIDUE", &results);
        cargo.env("SQUALL_SHOP", demo::shop_folder()).env("RUST_BACKTRACE", "0");
        cargo.env("SQUALL_KILLS", after("--kills").unwrap_or(KILLS));
        if let Some(fault) = after("--fault") {
            cargo.env("SQUALL_FAULT", fault);
        }
        if let Some(minutes) = after("--minutes") {
            cargo.env("SQUALL_MINUTES", minutes);
        }
        if has("--write") {
            cargo.env("SQUALL_WRITE", tree::root());
        }
        command::run(&mut cargo)?;
    }
    println!("bench: results in {}; run again to go on, --fresh to begin anew", results.display());
    Ok(())
}
