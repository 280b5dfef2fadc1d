//! The one binary: verbs only (reason: exit codes and output are a contract).
#![forbid(unsafe_code)]

mod args;
mod columns;
mod commands;
mod context;
mod diagnostics;
mod exit;
mod experiment;
mod files;
mod history;
mod host;
mod lsp;
mod shell;
mod sla;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    // Children of the agent come back into this binary by their first word, before any parsing:
    // a watchdog must start in a millisecond and depend on nothing that can fail.
    if let Some(child) = words.next().and_then(|first| host::child_of_agent(&first)) {
        return child(words.collect());
    }
    args::run()
}
