//! The rules of the house that a machine can check. Each check is a function from the tree's files
//! to findings, printed as `path:line: message`, so that an editor can jump to them.

mod attributes;
mod blobs;
mod clocks;
mod edges;
mod headers;
mod length;
mod manifests;
mod names;
mod source;

use crate::gen_lists;
use crate::tree::{self, File};

/// One thing to mend.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, message: message.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// A check's name and what it does.
type Check = (&'static str, fn(&[File]) -> Result<Vec<Finding>, String>);

/// Every check; each counts as one test.
const CHECKS: &[Check] = &[
    ("allowed edges between crates", |_| edges::check()),
    ("generated lists are fresh", |_| stale_lists()),
    ("each dependency has a reason", |files| Ok(manifests::check(files))),
    ("every file says what it owns", |files| Ok(headers::check(files))),
    ("files and functions are short", |files| Ok(length::check(files))),
    ("no clock outside shells", |files| Ok(clocks::check(files))),
    ("no drawers", |files| Ok(names::check(files))),
    ("no silenced lint or test", |files| Ok(attributes::check(files))),
    ("unsafe is forbidden", |files| Ok(attributes::unsafe_forbidden(files))),
    ("no blob and no machine's path", |files| Ok(blobs::check(files))),
];

/// Prints every finding; fails where there is one.
pub(crate) fn run() -> Result<(), String> {
    let failed = look()?.1.len();
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {} checks failed", CHECKS.len())) }
}

/// A check's name and what it found, as it is printed.
type Found = (&'static str, String);

/// Runs and prints every check; returns how many passed, and what the others found.
pub(crate) fn look() -> Result<(u64, Vec<Found>), String> {
    let files = tree::files()?;
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, check) in CHECKS {
        let mut findings = check(&files)?;
        findings.sort();
        println!("tidy: {name}: {}", if findings.is_empty() { "ok" } else { "FAILED" });
        let found: String = findings.iter().map(|finding| format!("  {finding}\n")).collect();
        print!("{found}");
        if findings.is_empty() { passed += 1 } else { failed.push((*name, found)) }
    }
    Ok((passed, failed))
}

fn stale_lists() -> Result<Vec<Finding>, String> {
    let stale = gen_lists::stale(tree::root(), None)?;
    Ok(stale
        .iter()
        .map(|(path, _)| {
            let short = path.strip_prefix(tree::root()).unwrap_or(path).to_string_lossy();
            Finding::new(&short, 1, "stale, run: cargo xtask gen")
        })
        .collect())
}
