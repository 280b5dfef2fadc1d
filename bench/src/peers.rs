//! The peers, from their registries into a cache outside the checkout, keyed by version.

use std::path::PathBuf;
use std::process::Command;

const TOXIPROXY: &str = "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0";
const CHAOS_TOOLKIT: &str = "chaostoolkit==1.19.0";

/// Brings all peers into the cache; one that cannot be had is named when its figure is due.
pub(crate) fn fetch() {
    for peer in [toxiproxy(), chaos_toolkit()] {
        if let Err(why) = peer {
            eprintln!("bench: {why}");
        }
    }
}

/// Toxiproxy's server, or why there is none.
pub(crate) fn toxiproxy() -> Result<PathBuf, String> {
    let folder = squall_real::cache().join("toxiproxy-2.12.0");
    let path = folder.join("server");
    if !path.exists() {
        done(Command::new("go").args(["install", TOXIPROXY]).env("GOBIN", &folder))?;
    }
    Ok(path)
}

/// Chaos Toolkit's command, or why there is none.
pub(crate) fn chaos_toolkit() -> Result<PathBuf, String> {
    let folder = squall_real::cache().join("chaostoolkit-1.19.0");
    let path = folder.join("bin/chaos");
    if !path.exists() {
        done(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        done(Command::new(folder.join("bin/pip")).args(["install", "-q", CHAOS_TOOLKIT]))?;
    }
    Ok(path)
}

fn done(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|why| format!("{command:?}: {why}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
}
