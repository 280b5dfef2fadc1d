//! Looks for inputs that break a reader of outside bytes, guided by coverage: builds `crates/fuzz`
//! with the compiler's own coverage counters and runs libFuzzer on one target, or on each.
//!
//! The counters are a pass of LLVM that stable Rust passes on; only the sanitizers need nightly.

mod page;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{command, setup, tree};

/// Time for each target, unless it is said.
const SECONDS: u32 = 60;
/// Targets at once, at most.
const JOBS_MAX: usize = 64;
/// The longest input tried, in bytes.
const LENGTH_MAX: u32 = 4096;
/// The longest input kept in the corpus, and how many of a target.
const KEPT_LENGTH_MAX: u32 = 1024;
const KEPT_MAX: u32 = 60;
/// One input that takes longer than so many seconds, or so many MiB, is a finding.
const INPUT_SECONDS_MAX: u32 = 10;
const MEMORY_MB_MAX: u32 = 1024;

/// What counts coverage, and what it costs nothing to check.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// What is asked.
#[derive(Debug, PartialEq, Eq)]
struct Asked<'a> {
    target: Option<&'a str>,
    seconds: u32,
    jobs: usize,
    keep: bool,
    write: bool,
}

/// Runs one target, or all.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let asked = read(words)?;
    setup::ensure(&setup::FUZZ)?;
    let corpus = tree::target().join("debug/corpus");
    command::run(command::cargo().args([
        "build",
        "--quiet",
        "--package",
        "squall-fuzz",
        "--bin",
        "corpus",
    ]))?;
    let listed = command::read(Command::new(&corpus).arg("list"))?;
    let all: Vec<(&str, &str)> = listed.lines().filter_map(|line| line.split_once('\t')).collect();
    let wanted: Vec<(&str, &str)> =
        all.iter().copied().filter(|(name, _)| asked.target.is_none_or(|t| t == *name)).collect();
    if wanted.is_empty() {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        return Err(format!("no such target; there are {}", names.join(", ")));
    }
    let guided = build()?;
    println!(
        "{:<12} {:>10} {:>9} {:>8} {:>7}  reads",
        "target", "runs", "runs/s", "edges", "inputs"
    );
    let tools = Tools { guided, corpus: corpus.clone() };
    let outcomes = each(&wanted, asked.jobs, |(name, about)| {
        let outcome = tools.one(name, &asked)?;
        println!("{outcome}  {about}");
        if outcome.finding.is_some() {
            println!("{}", outcome.said);
        }
        Ok(outcome)
    })?;
    if asked.write {
        page::write(&outcomes, asked.seconds)?;
    }
    let broken = outcomes.iter().filter(|outcome| outcome.finding.is_some());
    let broken: Vec<&str> = broken.map(|outcome| outcome.name.as_str()).collect();
    if broken.is_empty() {
        return Ok(());
    }
    let names = broken.join(", ");
    Err(format!(
        "broken: {names}; each input is a line of crates/fuzz/corpus/ now, so `cargo test -p squall-fuzz` fails until the reader is mended"
    ))
}

/// Does it to all, so many at once; the answers are in the order of what was asked.
fn each<T: Sync, R: Send>(
    all: &[T],
    jobs: usize,
    work: impl Fn(&T) -> Result<R, String> + Sync,
) -> Result<Vec<R>, String> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<R, String>)>> = Mutex::default();
    let take = || {
        while let Some((at, one)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            all.get(at).map(|one| (at, one))
        } {
            let answer = work(one);
            done.lock().expect("invariant: no thread panics with it").push((at, answer));
        }
    };
    std::thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(take))));
    let mut done = done.into_inner().expect("invariant: no thread panics with it");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}

fn read<'a>(words: &[&'a str]) -> Result<Asked<'a>, String> {
    let mut asked = Asked { target: None, seconds: SECONDS, jobs: 1, keep: false, write: false };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--seconds" => {
                let seconds = words.next().and_then(|text| text.parse().ok());
                asked.seconds = seconds.ok_or("--seconds wants a number")?;
            }
            "--jobs" => {
                let jobs = words.next().and_then(|text| text.parse().ok());
                let jobs = jobs.filter(|jobs| (1..=JOBS_MAX).contains(jobs));
                asked.jobs = jobs.ok_or(format!("--jobs wants a number from 1 to {JOBS_MAX}"))?;
            }
            "--keep" => asked.keep = true,
            "--write" => asked.write = true,
            name if !name.starts_with('-') && asked.target.is_none() => asked.target = Some(name),
            other => {
                return Err(format!(
                    "fuzz [TARGET] [--seconds N] [--jobs N] [--keep] [--write]; what is {other}?"
                ));
            }
        }
    }
    if asked.write && asked.target.is_some() {
        return Err("--write rewrites the table of all targets: leave the target out".to_owned());
    }
    Ok(asked)
}

/// Builds the program for this machine's target, so that build scripts have no counters in them.
fn build() -> Result<PathBuf, String> {
    let version = command::read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("rustc does not say what machine this is")?;
    println!("fuzz: building squall-fuzz with coverage counters");
    let mut cargo = command::cargo();
    cargo.args(["build", "--quiet", "--package", "squall-fuzz", "--bin", "guided"]);
    cargo.args(["--features", "guided", "--profile", "fuzz", "--target", host]);
    cargo.env("RUSTFLAGS", FLAGS.join(" "));
    command::run(&mut cargo)?;
    Ok(tree::target().join(host).join("fuzz/guided"))
}

/// The programs at work.
struct Tools {
    guided: PathBuf,
    corpus: PathBuf,
}

impl Tools {
    /// Plays one target; what it finds goes to the corpus.
    fn one(&self, name: &str, asked: &Asked<'_>) -> Result<Outcome, String> {
        let work = tree::target().join("fuzz-work").join(name);
        let seeds = work.join("seeds");
        let _none_yet = std::fs::remove_dir_all(&seeds);
        command::run(Command::new(&self.corpus).arg("unpack").arg(name).arg(&seeds))?;
        let outcome = fuzz(&self.guided, name, &work, asked.seconds)?;
        if let Some(finding) = &outcome.finding {
            let why = format!("found by the fuzzer: {}", outcome.why);
            command::run(Command::new(&self.corpus).args(["add", name]).arg(finding).arg(why))?;
        } else if asked.keep {
            keep(&self.guided, &self.corpus, name, &work)?;
        }
        Ok(outcome)
    }
}

/// How a target went.
struct Outcome {
    name: String,
    runs: u64,
    runs_per_s: u64,
    edges: u64,
    inputs: u64,
    /// The input that broke it.
    finding: Option<PathBuf>,
    why: String,
    said: String,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Outcome { name, runs, runs_per_s, edges, inputs, .. } = self;
        write!(f, "{name:<12} {runs:>10} {runs_per_s:>9} {edges:>8} {inputs:>7}")
    }
}

fn fuzz(guided: &Path, name: &str, work: &Path, seconds: u32) -> Result<Outcome, String> {
    let (corpus, found) = (work.join("corpus"), work.join("found"));
    let _none_yet = std::fs::remove_dir_all(&found);
    for folder in [&corpus, &found] {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut fuzzer = Command::new(guided);
    fuzzer
        .arg(&corpus)
        .arg(work.join("seeds"))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LENGTH_MAX}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .arg(format!("-dict={}", work.join("seeds.dict").display()))
        .args(["-use_value_profile=1", "-print_final_stats=1"])
        .env("SQUALL_FUZZ", name)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null());
    let output = fuzzer.output().map_err(|e| format!("{} did not start: {e}", guided.display()))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let finding = std::fs::read_dir(&found)
        .map_err(|e| format!("{}: {e}", found.display()))?
        .find_map(|entry| Some(entry.ok()?.path()));
    if finding.is_none() && !output.status.success() {
        return Err(format!("the fuzzer of {name} did not run:\n{said}"));
    }
    let why = said.lines().find(|line| line.contains("panicked at")).unwrap_or("no panic");
    let why = format!("{} {}", why.trim(), after(&said, why)).trim().replace('\n', " ");
    Ok(Outcome {
        name: name.to_owned(),
        runs: stat(&said, "stat::number_of_executed_units:"),
        runs_per_s: stat(&said, "stat::average_exec_per_sec:"),
        edges: last(&said, "cov:"),
        inputs: last(&said, "corp:"),
        finding,
        why,
        said: tail(&said, 30),
    })
}

/// The line behind another one.
fn after<'a>(text: &'a str, line: &str) -> &'a str {
    text.split_once(line).and_then(|(_, rest)| rest.lines().nth(1)).unwrap_or_default()
}

fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The number behind a word that stands at the start of a line.
fn stat(text: &str, word: &str) -> u64 {
    text.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok()).unwrap_or_default()
}

/// The number behind the last such word.
fn last(text: &str, word: &str) -> u64 {
    let number = |rest: &str| {
        rest.trim_start().split(|c: char| !c.is_ascii_digit()).next().and_then(|n| n.parse().ok())
    };
    text.rsplit_once(word).and_then(|(_, rest)| number(rest)).unwrap_or_default()
}

/// Replaces the corpus by the shortest inputs that reach everything that was reached.
fn keep(guided: &Path, corpus: &Path, name: &str, work: &Path) -> Result<(), String> {
    let kept = work.join("kept");
    let _none_yet = std::fs::remove_dir_all(&kept);
    std::fs::create_dir_all(&kept).map_err(|e| format!("{}: {e}", kept.display()))?;
    let mut merge = Command::new(guided);
    merge.args(["-set_cover_merge=1", &format!("-max_len={KEPT_LENGTH_MAX}")]);
    merge.arg(&kept).arg(work.join("seeds")).arg(work.join("corpus"));
    command::read(merge.env("SQUALL_FUZZ", name))?;
    command::run(Command::new(corpus).args(["pack", name]).arg(&kept).arg(KEPT_MAX.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read() {
        let plain = Asked { target: None, seconds: SECONDS, jobs: 1, keep: false, write: false };
        assert_eq!(read(&[]), Ok(plain));
        let asked = Asked { target: Some("sla"), seconds: 5, jobs: 2, keep: true, write: false };
        assert_eq!(read(&["sla", "--seconds", "5", "--jobs", "2", "--keep"]), Ok(asked));
        assert!(read(&["--seconds"]).is_err() && read(&["a", "b"]).is_err());
        assert!(read(&["--jobs", "0"]).is_err() && read(&["sla", "--write"]).is_err());
    }

    #[test]
    fn all_are_done_and_answered_in_order_and_one_error_is_an_error() {
        let all: Vec<u32> = (0..50).collect();
        assert_eq!(each(&all, 3, |n| Ok(n * 2)), Ok(all.iter().map(|n| n * 2).collect()));
        let some = |n: &u32| if *n == 7 { Err("seven".to_owned()) } else { Ok(*n) };
        assert_eq!(each(&all, 3, some), Err("seven".to_owned()));
    }

    #[test]
    fn the_fuzzer_is_understood() {
        let said = "#9 NEW cov: 12 ft: 3 corp: 2/9b\n#99 DONE   cov: 481 ft: 9 corp: 77/3Kb\n\
                    stat::number_of_executed_units: 99\nstat::average_exec_per_sec:     33\n";
        assert_eq!((last(said, "cov:"), last(said, "corp:")), (481, 77));
        assert_eq!(stat(said, "stat::number_of_executed_units:"), 99);
        assert_eq!(stat(said, "stat::average_exec_per_sec:"), 33);
        assert_eq!(after("a\nb\nc", "b"), "c");
    }
}
