//! The Go layer: format, vet and tests with the race detector, each module by itself.

use super::failures::{Failure, Outcome};
use super::tally::Tally;
use crate::{command, demo, tree};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Folders that are a Go module, or hold some, one a folder.
const HOMES: &[&str] = &["sdk/go", "targets", "targets/shop"];

/// Runs every module.
pub(crate) fn run() -> Result<Outcome, String> {
    let mut sum = Outcome::default();
    for module in modules()? {
        let name = module.strip_prefix(tree::root()).unwrap_or(&module).display().to_string();
        let mut outcome = vet(&module, &name);
        let mut go = demo::go(&module);
        go.args(["test", "-race", "-json", "./..."]).stderr(Stdio::inherit());
        let output = go.output().map_err(|e| format!("go did not start: {e}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let (tests, said) = read(&name, &text, output.status.success());
        if tests.tally.failed > 0 {
            println!("{said}");
        }
        outcome += tests;
        println!("  {name}: {}", outcome.tally);
        sum += outcome;
    }
    Ok(sum)
}

fn modules() -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for home in HOMES {
        let folder = tree::root().join(home);
        if folder.join("go.mod").is_file() {
            found.push(folder.clone());
        }
        for entry in std::fs::read_dir(&folder).map_err(|e| format!("{home}: {e}"))? {
            let path = entry.map_err(|e| format!("{home}: {e}"))?.path();
            if path.join("go.mod").is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Format and vet are one test each.
fn vet(module: &std::path::Path, name: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let unformatted = command::read(Command::new("gofmt").args(["-l", "."]).current_dir(module));
    let vetted = command::run(demo::go(module).args(["vet", "./..."]));
    for problem in [unformatted.and_then(none), vetted] {
        match problem {
            Ok(()) => outcome += Tally::PASSED.into(),
            Err(message) => {
                println!("  {name}: {message}");
                outcome += Outcome::failed(name, message);
            }
        }
    }
    outcome
}

fn none(files: String) -> Result<(), String> {
    if files.is_empty() { Ok(()) } else { Err(format!("gofmt would change {}", files.trim())) }
}

/// Reads `go test -json` of a module: how its tests ended, and what the failed ones printed.
fn read(module: &str, messages: &str, ended_well: bool) -> (Outcome, String) {
    let mut tally = Tally::default();
    let mut said: Vec<(String, String)> = Vec::new();
    let mut failed = BTreeSet::new();
    for line in messages.lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            said.push((String::new(), format!("{line}\n")));
            continue;
        };
        let test = message["Test"].as_str().unwrap_or_default().to_owned();
        let whole = !test.is_empty() && !test.contains('/');
        match message["Action"].as_str() {
            Some("pass") if whole => tally += Tally::PASSED,
            Some("skip") if whole => tally += Tally::SKIPPED,
            Some("fail") => {
                if whole {
                    tally += Tally::FAILED;
                }
                failed.insert(test);
            }
            Some("output" | "build-output") => {
                said.push((test, message["Output"].as_str().unwrap_or_default().to_owned()));
            }
            _ => {}
        }
    }
    said.retain(|(test, _)| test.is_empty() || failed.contains(test));
    let all: String = said.iter().map(|(_, output)| output.as_str()).collect();
    let whole = failed.iter().filter(|test| !test.is_empty() && !test.contains('/'));
    let failures = whole.map(|test| {
        let of_it = |(one, _): &&(String, String)| one.split('/').next() == Some(test);
        let said = said.iter().filter(of_it).map(|(_, output)| output.as_str()).collect();
        Failure { name: format!("{module}: {test}"), said }
    });
    let mut outcome = Outcome { tally, failures: failures.collect() };
    if !ended_well && tally.failed == 0 {
        outcome += Outcome::failed(module, all.clone());
    }
    (outcome, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_tests_are_counted_by_their_whole() {
        let messages = r#"{"Action":"run","Test":"TestA"}
{"Action":"pass","Test":"TestA/one"}
{"Action":"pass","Test":"TestA"}
{"Action":"output","Test":"TestB/two","Output":"why\n"}
{"Action":"fail","Test":"TestB/two"}
{"Action":"output","Test":"TestA","Output":"quiet\n"}
{"Action":"fail","Test":"TestB"}
{"Action":"skip","Test":"TestC"}
{"Action":"fail"}"#;
        let (outcome, said) = read("sdk/go", messages, false);
        assert_eq!(outcome.tally.to_string(), "1 passed, 1 failed, 1 skipped");
        assert_eq!(said, "why\n");
        let failure = Failure { name: "sdk/go: TestB".to_owned(), said };
        assert_eq!(outcome.failures, [failure]);
    }

    #[test]
    fn a_build_that_fails_is_a_failure() {
        let messages = "{\"Action\":\"build-output\",\"Output\":\"x.go:1: no\\n\"}\n";
        let (outcome, said) = read("sdk/go", messages, false);
        assert_eq!(outcome.tally, Tally::FAILED);
        assert_eq!(said, "x.go:1: no\n");
        assert_eq!(outcome.failures, [Failure { name: "sdk/go".to_owned(), said }]);
    }
}
