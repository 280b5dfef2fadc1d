//! Builds the release binary and the benchmarks of `bench/`, and runs one group or all. The words
//! after `bench` are the program's own.

mod residue;

use crate::{command, setup, tree};

/// Runs one group of figures, or all.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    if let ["residue", words @ ..] = words {
        return residue::run(words);
    }
    setup::ensure(&setup::BENCH)?;
    if !setup::root() {
        return Err("the figures need namespaces and BPF: please run them as root".to_owned());
    }
    println!("bench: building squall and the benchmarks");
    let packages = ["--package", "squall-cli", "--package", "squall-bench"];
    command::run(command::cargo().args(["build", "--release"]).args(packages))?;
    let release = tree::target().join("release");
    let mut bench = std::process::Command::new(release.join("squall-bench"));
    bench.args(words).env("SQUALL", release.join("squall")).current_dir(tree::root());
    command::run(&mut bench)
}
