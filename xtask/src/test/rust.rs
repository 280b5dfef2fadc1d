//! The Rust layers: one build of every test program, then each is run by itself, so that no
//! layer is compiled twice and each has its own deadline.

use super::failures::Outcome;
use super::pace::Pace;
use super::tally::Tally;
use crate::{command, demo, setup, tree};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The longest program, the kill matrix of the real layer, has some minutes; a hang must end.
const PROGRAM_MAX: Duration = Duration::from_secs(20 * 60);
/// How often the deadline is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// One program of tests.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    package: String,
    target: String,
    folder: PathBuf,
    path: PathBuf,
}

/// Everything that one build made.
pub(crate) struct Programs {
    tests: Vec<Program>,
    squall: PathBuf,
}

/// Builds every test program and the binary they drive.
pub(crate) fn build() -> Result<Programs, String> {
    let mut cargo = command::cargo();
    cargo.args(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]);
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("{} did not start: {e}", command::line(&cargo)))?;
    if !output.status.success() {
        return Err("the tests do not build".to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let (tests, squall) = programs(&text);
    let squall = match squall {
        Some(path) => path,
        None => {
            command::run(command::cargo().args(["build", "--package", "squall-cli"]))?;
            tree::target().join("debug/squall")
        }
    };
    Ok(Programs { tests, squall })
}

/// Reads cargo's messages: the test programs, and the plain binary where it was built along.
fn programs(messages: &str) -> (Vec<Program>, Option<PathBuf>) {
    let mut tests = Vec::new();
    let mut squall = None;
    for line in messages.lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        let Some(path) = message["executable"].as_str().map(PathBuf::from) else { continue };
        let target = message["target"]["name"].as_str().unwrap_or_default().to_owned();
        if message["profile"]["test"] == false {
            if target == "squall" {
                squall = Some(path);
            }
            continue;
        }
        let manifest = Path::new(message["manifest_path"].as_str().unwrap_or_default());
        let folder = manifest.parent().unwrap_or(Path::new("")).to_owned();
        let package = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tests.push(Program { package, target, folder, path });
    }
    tests.sort_by(|a, b| (&a.package, &a.target).cmp(&(&b.package, &b.target)));
    (tests, squall)
}

/// Unit and property tests: everything but the command line's own and the real layer.
pub(crate) fn unit(programs: &Programs) -> Result<Outcome, String> {
    let mut sum = each(programs, |p| p.package != "real" && p.package != "cli", &[], false)?;
    let mut docs = command::cargo();
    docs.args(["test", "--workspace", "--doc", "--quiet"]);
    sum += finish(&mut docs, "examples in docs", false)?;
    Ok(sum)
}

/// The binary as a person calls it.
pub(crate) fn cli(programs: &Programs) -> Result<Outcome, String> {
    each(programs, |p| p.package == "cli", &[], false)
}

/// The real kernel and real services, one test at a time.
pub(crate) fn real(programs: &Programs) -> Result<Outcome, String> {
    if setup::root() {
        demo::build_shop()?;
        demo::build_instrumented()?;
    }
    each(programs, |p| p.package == "real", &["--test-threads=1"], true)
}

fn each(
    programs: &Programs,
    wanted: fn(&Program) -> bool,
    args: &[&str],
    live: bool,
) -> Result<Outcome, String> {
    let mut sum = Outcome::default();
    for program in programs.tests.iter().filter(|p| wanted(p)) {
        let mut command = Command::new(&program.path);
        // The output of passing tests is shown, since a skip's reason stands there.
        command
            .arg("--show-output")
            .args(args)
            .current_dir(&program.folder)
            .env("CARGO_MANIFEST_DIR", &program.folder)
            .env("INSTA_UPDATE", "no")
            .env("SQUALL_BIN", &programs.squall)
            .env("SQUALL_SHOP", demo::shop_folder());
        sum += finish(&mut command, &format!("{} {}", program.package, program.target), live)?;
    }
    Ok(sum)
}

/// Runs one program to its end or its deadline. Its output is shown as it comes (`live`), or only
/// where something failed or was skipped.
fn finish(command: &mut Command, name: &str, live: bool) -> Result<Outcome, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(if live { Stdio::inherit() } else { Stdio::piped() })
        .spawn()
        .map_err(|e| format!("{name} did not start: {e}"))?;
    let (output, said, ended_well) = collect(&mut child, live)?;
    let outcome = Outcome::of_libtest(name, &output, &said, ended_well);
    let tally = outcome.tally;
    if tally.failed > 0 && !live {
        // What passing tests said stands before the failures.
        println!("{}{said}", output.find("\nfailures:\n").map_or(&*output, |at| &output[at..]));
    } else if !live {
        output.lines().filter(|l| l.starts_with("SKIP ")).for_each(|l| println!("  {l}"));
    }
    if tally != Tally::default() {
        println!("  {name}: {tally}");
    }
    Ok(outcome)
}

/// Reads both streams to their end while a watch kills the program at its deadline.
fn collect(child: &mut Child, live: bool) -> Result<(String, String, bool), String> {
    let stdout = child.stdout.take().expect("invariant: stdout is piped");
    let stderr = child.stderr.take();
    let ended = AtomicBool::new(false);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let said = scope.spawn(|| {
            let mut text = String::new();
            if let Some(stderr) = stderr {
                let lines = BufReader::new(stderr).lines().map_while(Result::ok);
                lines.for_each(|line| text = format!("{text}{line}\n"));
            }
            text
        });
        let output = scope.spawn(|| {
            let (mut text, mut pace) = (String::new(), Pace::default());
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if live {
                    println!("{line}");
                    pace.take(&line, begin.elapsed());
                }
                text.push_str(&line);
                text.push('\n');
            }
            ended.store(true, Ordering::Relaxed);
            if let Some(slowest) = pace.slowest() {
                println!("  slowest: {slowest}");
            }
            text
        });
        while !ended.load(Ordering::Relaxed) && begin.elapsed() < PROGRAM_MAX {
            std::thread::sleep(LOOK);
        }
        if !ended.load(Ordering::Relaxed) {
            println!("  killed after {} s", PROGRAM_MAX.as_secs());
            child.kill().map_err(|e| e.to_string())?;
        }
        let status = child.wait().map_err(|e| e.to_string())?;
        let output = output.join().map_err(|_| "reading stdout failed")?;
        let said = said.join().map_err(|_| "reading stderr failed")?;
        Ok((output, said, status.success()))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    #[test]
    fn programs_are_read_from_messages() {
        let messages = r#"
            {"reason":"compiler-artifact","executable":"/t/squall","target":{"name":"squall"},"profile":{"test":false},"manifest_path":"/s/crates/cli/Cargo.toml"}
            {"reason":"compiler-artifact","executable":"/t/it-1","target":{"name":"it"},"profile":{"test":true},"manifest_path":"/s/crates/cli/Cargo.toml"}
            {"reason":"compiler-artifact","executable":null,"target":{"name":"serde"},"profile":{"test":false}}
            {"reason":"build-finished","success":true}
            no message"#;
        let (tests, squall) = programs(messages);
        assert_eq!(squall, Some(PathBuf::from("/t/squall")));
        assert_eq!(tests.len(), 1);
        assert_eq!((tests[0].package.as_str(), tests[0].target.as_str()), ("cli", "it"));
        assert_eq!(tests[0].folder, Path::new("/s/crates/cli"));
    }

    #[test]
    fn both_streams_and_the_exit_code_are_read() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 1"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let read = collect(&mut child, false).unwrap();
        assert_eq!(read, ("out\n".to_owned(), "err\n".to_owned(), false));
    }
}
