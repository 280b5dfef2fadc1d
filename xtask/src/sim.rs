//! Builds the simulation and runs it. The words after `sim` are the program's own.

use crate::{command, tree};

/// Runs seeds, one seed with its story, or the mutants.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let mut cargo = command::cargo();
    command::run(cargo.args(["build", "--quiet", "--package", "squall-sim"]))?;
    let mut sim = std::process::Command::new(tree::target().join("debug/squall-sim"));
    // It says by itself what it found.
    command::run(sim.args(words)).map_err(|_| String::new())
}
