//! Words for a person on standard error, which may be closed: whoever started this process may be
//! gone, and a process that has faults to undo must not end over a line that nobody reads.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The log beside the journal, of agents that a run started.
const LOG: &str = "agent.log";
/// A log that has grown beyond this begins anew; it holds a line a mishap.
const LOG_BYTES_MAX: u64 = 1 << 20;

/// From here on standard error is the log, for this process and its children: whoever reads the
/// one it inherited waits for its end, and must not wait for an agent that idles.
///
/// # Errors
/// When the log cannot be opened.
pub(crate) fn to_log(state_dir: &Path) -> io::Result<()> {
    let path = state_dir.join(LOG);
    let long = path.metadata().is_ok_and(|found| found.len() > LOG_BYTES_MAX);
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600).write(true);
    let log = if long { options.truncate(true) } else { options.append(true) }.open(path)?;
    Ok(rustix::stdio::dup2_stderr(log)?)
}

/// Writes a line; `eprintln!` would panic where the reader is gone.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}
