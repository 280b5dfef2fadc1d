//! Lints and tests are not silenced: `#[expect(…, reason)]` goes away when it is not needed, an
//! `allow` stays; a test that is ignored or expects a panic proves nothing.

use super::Finding;
use super::source::rust;
use crate::tree::File;

/// What may not stand in an attribute, and what to do about it.
const BANNED: &[(&str, &str)] = &[
    ("ignore", "an ignored test reads as a pass: mend it or remove it"),
    ("should_panic", "assert the message of the failure that is meant"),
    ("allow", "write #[expect(lint, reason = \"…\")]"),
];

/// Crates whose work needs unsafe code, in a few named files.
const UNSAFE: &[&str] = &["crates/faults/", "crates/agent/"];

const FORBID: &str = "#![forbid(unsafe_code)]";

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, lines) in rust(files) {
        for line in &lines {
            let Some((_, attribute)) = line.code.split_once("#[").or(line.code.split_once("#!["))
            else {
                continue;
            };
            let words: Vec<&str> =
                attribute.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            for (word, advice) in BANNED.iter().filter(|(word, _)| words.contains(word)) {
                let message = format!("`{word}` in an attribute: {advice}");
                findings.push(Finding::new(&file.path, line.number, message));
            }
        }
    }
    findings
}

/// Every crate's root forbids unsafe code, but for those that need it.
pub(crate) fn unsafe_forbidden(files: &[File]) -> Vec<Finding> {
    files
        .iter()
        .filter(|f| is_root(&f.path) && !UNSAFE.iter().any(|c| f.path.starts_with(c)))
        .filter(|f| !f.text().lines().any(|l| l == FORBID))
        .map(|f| Finding::new(&f.path, 1, format!("has no line `{FORBID}`")))
        .collect()
}

fn is_root(path: &str) -> bool {
    path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silenced_lints_and_tests_are_found() {
        let text = "//! allow\n#[ignore]\n#[test]\n#[ignore = \"slow\"]\n#[should_panic(expected)]\n\
                    #![allow(dead_code)]\n#[cfg_attr(test, allow(unused))]\n#[expect(dead_code)]\n\
                    fn allow() {}\n";
        let found: Vec<usize> = check(&[File::new("a.rs", text)]).iter().map(|f| f.line).collect();
        assert_eq!(found, [2, 4, 5, 6, 7]);
    }

    #[test]
    fn a_root_without_the_ban_is_found() {
        let files = [
            File::new("crates/x/src/lib.rs", "//! x\n"),
            File::new("crates/y/src/lib.rs", "//! y\n#![forbid(unsafe_code)]\n"),
            File::new("crates/faults/src/lib.rs", "//! needs it\n"),
            File::new("crates/x/src/other.rs", "//! x\n"),
        ];
        let found = unsafe_forbidden(&files);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "crates/x/src/lib.rs");
    }
}
