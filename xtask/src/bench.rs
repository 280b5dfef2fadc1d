//! Runs the benchmarks of `bench/` and prints their figures side by side.

use crate::{command, setup, tree};
use std::process::Command;

/// Runs one benchmark, or all.
pub(crate) fn run(name: Option<&str>) -> Result<(), String> {
    setup::ensure(&setup::BENCH)?;
    let script = tree::root().join("bench/run");
    if !script.is_file() {
        return Err("bench/run is not in this checkout".to_owned());
    }
    let mut build = command::cargo();
    build.args(["build", "--release", "-p", "squall-cli"]);
    command::run(&mut build)?;
    let mut bench = Command::new(script);
    bench.args(name).env("SQUALL", tree::target().join("release/squall")).current_dir(tree::root());
    command::run(&mut bench)
}
