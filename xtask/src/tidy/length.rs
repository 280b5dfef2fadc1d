//! A file has at most 400 lines without its tests, a function at most 70: what is longer is read
//! by nobody in one go. A file that must be longer says why in its head: `tidy: long because …`.

use super::Finding;
use super::source::{Line, block_end, rust};
use crate::tree::File;

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;
/// The reason must stand where a reader begins.
const HEAD_LINES: usize = 15;
const REASON: &str = "tidy: long because ";

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, lines) in rust(files) {
        if file.text().lines().take(HEAD_LINES).any(|l| l.contains(REASON)) {
            continue;
        }
        let count = lines.iter().filter(|l| !l.test).count();
        if count > FILE_LINES {
            let message = format!("{count} lines without tests, more than {FILE_LINES}: split it");
            findings.push(Finding::new(&file.path, 1, message));
        }
        for (name, line, length) in functions(&lines) {
            if length > FUNCTION_LINES {
                let message = format!("{name} has {length} lines, more than {FUNCTION_LINES}");
                findings.push(Finding::new(&file.path, line, message));
            }
        }
    }
    findings
}

/// Name, first line and length of each function outside tests.
fn functions(lines: &[Line]) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, l)| !l.test) {
        if let Some(name) = function(&line.code) {
            found.push((name, line.number, block_end(lines, at) - at + 1));
        }
    }
    found
}

/// The name of the function whose header starts on this line.
fn function(code: &str) -> Option<String> {
    let (before, after) = code.split_once("fn ")?;
    let keywords = ["pub", "const", "async", "unsafe", "extern", "crate", "super", "in"];
    let header = before
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .all(|w| keywords.contains(&w));
    if !header {
        return None;
    }
    let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() { None } else { Some(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        check(&[File::new("crates/x/src/y.rs", text)]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_long_file_is_found_unless_it_says_why() {
        let long = "//! x\n".to_owned() + &"const A: u8 = 1;\n".repeat(FILE_LINES);
        assert_eq!(
            messages(&long),
            ["crates/x/src/y.rs:1: 401 lines without tests, more than 400: split it"]
        );
        assert!(messages(&format!("//! tidy: long because a table\n{long}")).is_empty());
        let tests = format!("//! x\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert!(messages(&tests).is_empty());
    }

    #[test]
    fn a_long_function_is_found() {
        let body = "    step();\n".repeat(FUNCTION_LINES - 1);
        let text = format!("//! x\npub(crate) async fn long(a: u8) -> u8 {{\n{body}}}\n");
        assert_eq!(messages(&text), ["crates/x/src/y.rs:2: long has 71 lines, more than 70"]);
        assert!(messages(&text.replacen("    step();\n", "", 1)).is_empty());
    }

    #[test]
    fn a_function_type_is_no_function() {
        assert_eq!(function("    run: fn (&Context) -> Exit,"), None);
        assert_eq!(function("let f = spawn(move || fn x);"), None);
        assert_eq!(function("    pub const fn of(a: u8) -> Self {"), Some("of".to_owned()));
    }
}
