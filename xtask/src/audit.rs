//! What is linked in: licenses, bans, sources and known holes, by `cargo deny` and `deny.toml`.
//! What cannot be had here is a printed skip: the list of known holes is fetched from its home
//! and never committed.

use crate::command;
use std::process::{Command, Stdio};

/// Runs what can be run.
pub(crate) fn run() -> Result<(), String> {
    if !works(&["deny", "--version"]) {
        println!("SKIP audit: cargo-deny is missing: cargo install --locked cargo-deny");
        return Ok(());
    }
    let offline = ["deny", "--offline", "check", "bans", "licenses", "sources"];
    command::run(command::cargo().args(offline))?;
    if !works(&["deny", "fetch", "db"]) {
        println!("SKIP audit advisories: the advisory database cannot be fetched from here");
        return Ok(());
    }
    command::run(command::cargo().args(["deny", "--offline", "check", "advisories"]))
}

fn works(words: &[&str]) -> bool {
    let mut cargo: Command = command::cargo();
    let quiet = cargo.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
