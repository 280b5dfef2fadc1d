//! Builds the one binary for release and says how large it is.

use crate::{command, setup, tree};

/// The promise of the README.
const LARGEST_MIB: f64 = 25.0;

/// Builds it and holds it against the promise.
pub(crate) fn run() -> Result<(), String> {
    setup::ensure(&setup::BUILD)?;
    let mut build = command::cargo();
    build.args(["build", "--release", "-p", "squall-cli"]);
    command::run(&mut build)?;
    let binary = tree::target().join("release/squall");
    let bytes = std::fs::metadata(&binary).map_err(|e| format!("{}: {e}", binary.display()))?.len();
    #[expect(clippy::cast_precision_loss, reason = "a file's size is far below 2^52")]
    let mib = bytes as f64 / f64::from(1 << 20);
    println!("{}  {mib:.1} MiB", binary.display());
    if mib > LARGEST_MIB {
        return Err(format!("{mib:.1} MiB, more than {LARGEST_MIB} MiB"));
    }
    Ok(())
}
