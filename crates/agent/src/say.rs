//! Words for a person on standard error, which may be closed: whoever started this process may be
//! gone, and a process that has faults to undo must not end over a line that nobody reads.

use std::fmt;
use std::io::Write;

/// Writes a line; `eprintln!` would panic where the reader is gone.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}
