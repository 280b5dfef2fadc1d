//! The one binary: verbs only (reason: exit codes and output are a contract).
fn main() {}
