//! What failed, said once more at the very end: whoever sees only the last kilobytes of a run, as
//! continuous integration shows them, still reads each cause.

use super::tally::Tally;
use std::fmt::Write as _;

/// At most so many bytes of one failure.
const ONE_MAX: usize = 6_000;
/// At most so many bytes of all of them.
const ALL_MAX: usize = 9_500;
/// Where there is less room than this for each, the last ones are only named.
const ONE_MIN: usize = 500;
/// How many bytes the names of those may take.
const NAMES_MAX: usize = 600;
/// How many of the last lines of a test are said, besides its panics.
const LINES_MAX: usize = 40;

/// A test that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The program and the test's name in it, or what else failed as a whole.
    pub(crate) name: String,
    /// All it said.
    pub(crate) said: String,
}

/// How a layer ended, or a part of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) failures: Vec<Failure>,
}

impl From<Tally> for Outcome {
    fn from(tally: Tally) -> Outcome {
        Outcome { tally, failures: Vec::new() }
    }
}

impl std::ops::AddAssign for Outcome {
    fn add_assign(&mut self, other: Outcome) {
        self.tally += other.tally;
        self.failures.extend(other.failures);
    }
}

impl Outcome {
    /// One that failed as a whole.
    pub(crate) fn failed(name: &str, said: String) -> Outcome {
        let failures = vec![Failure { name: name.to_owned(), said }];
        Outcome { tally: Tally::FAILED, failures }
    }

    /// Reads a libtest program's whole output. What it said beside that (`stderr`) counts where it
    /// ended without any result, as a crash or a deadline does.
    pub(crate) fn of_libtest(
        program: &str,
        output: &str,
        stderr: &str,
        ended_well: bool,
    ) -> Outcome {
        let tally = Tally::of_libtest(output, ended_well);
        let sections = if tally.failed > 0 { sections(output) } else { Vec::new() };
        let named = |(test, said)| Failure { name: format!("{program}: {test}"), said };
        let mut failures: Vec<Failure> = sections.into_iter().map(named).collect();
        if tally.failed > 0 && failures.is_empty() {
            failures.push(Failure { name: program.to_owned(), said: format!("{output}{stderr}") });
        }
        Outcome { tally, failures }
    }
}

/// The failed tests of an output, each with what it said. Doc tests are several programs in one
/// output, each with a list of its own.
fn sections(output: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for program in output.split("\ntest result: ") {
        let Some((before, listed)) = program.rsplit_once("\nfailures:\n    ") else { continue };
        let listed = listed.lines().map(str::trim).take_while(|name| !name.is_empty());
        let first = found.len();
        found.extend(listed.map(|name| (name.to_owned(), String::new())));
        let mut at = None;
        for line in before.lines() {
            let header =
                line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"));
            let begins = header
                .and_then(|name| found[first..].iter().position(|(failed, _)| failed == name));
            match (begins, at) {
                (Some(test), _) => at = Some(first + test),
                (None, Some(test)) => {
                    let said: &mut String = &mut found[test].1;
                    said.push_str(line);
                    said.push('\n');
                }
                (None, None) => {}
            }
        }
    }
    found
}

/// Everything to say of them, within the limits; nothing where nothing failed.
pub(crate) fn said(failures: &[Failure]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let mut out = format!("\n== what failed: {}\n", failures.len());
    for (index, failure) in failures.iter().enumerate() {
        let left = failures.len() - index;
        let room = (ALL_MAX - NAMES_MAX).saturating_sub(out.len());
        if room < ONE_MIN {
            let names = failures[index..].iter().map(|failure| failure.name.as_str());
            let names = names.collect::<Vec<_>>().join(", ");
            let _ = writeln!(out, "-- and {left} more: {}", ends(&names, NAMES_MAX - 100));
            break;
        }
        // What a short one leaves is there for the ones after it.
        out.push_str(&one(failure, (room / left).clamp(ONE_MIN, ONE_MAX.min(room))));
    }
    out
}

/// The name, every panic, and the last lines of the rest.
fn one(failure: &Failure, max: usize) -> String {
    let (panics, rest) = panics(&failure.said);
    let mut out = format!("-- {}\n", ends(&failure.name, max / 4));
    if !panics.is_empty() {
        let _ = writeln!(out, "{}", ends(panics.trim_end(), (max - out.len()) / 2));
    }
    let lines: Vec<&str> = rest.trim_end().lines().collect();
    let last = lines[lines.len().saturating_sub(LINES_MAX)..].join("\n");
    let title = if panics.is_empty() { "" } else { "its last lines:\n" };
    if last.trim().is_empty() {
        if panics.is_empty() {
            out.push_str("it said nothing\n");
        }
    } else {
        let room = max.saturating_sub(out.len() + title.len() + 1);
        let _ = writeln!(out, "{title}{}", end(&last, room));
    }
    out
}

/// Parts what panics said, with their places, from everything else. Where a backtrace is asked
/// for, its frames are left out: there are more of them than lines that may be said.
fn panics(said: &str) -> (String, String) {
    let (mut panics, mut rest) = (String::new(), String::new());
    let (mut inside, mut frames) = (false, false);
    for line in said.lines() {
        if line.starts_with("thread '") && line.contains(" panicked at ") {
            (inside, frames) = (true, false);
        } else if line == "stack backtrace:" {
            (inside, frames) = (false, true);
        } else if line.starts_with("note: ") && line.contains("`RUST_BACKTRACE=") {
            (inside, frames) = (false, false);
            continue;
        }
        if frames {
            continue;
        }
        let to = if inside { &mut panics } else { &mut rest };
        to.push_str(line);
        to.push('\n');
    }
    (panics, rest)
}

/// Both ends of a text that is longer than `max`: where a panic was stands at its beginning, what
/// a message ends with is often the cause.
fn ends(text: &str, max: usize) -> String {
    const GAP: &str = "\n[...]\n";
    if text.len() <= max {
        return text.to_owned();
    }
    let half = max.saturating_sub(GAP.len()) / 2;
    format!("{}{GAP}{}", &text[..text.floor_char_boundary(half)], end(text, half))
}

/// The last bytes of a text, at most `max`.
fn end(text: &str, max: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(max))..]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a program says it with `--show-output`: what passed stands before what failed.
    const OUTPUT: &str = "\
running 4 tests
test a::passes ... ok
test a::breaks ... FAILED
test b::panics_without_a_word ... FAILED

successes:

---- a::passes stdout ----
thread 'x' (3) panicked at elsewhere.rs:1:1:
this one was expected

successes:
    a::passes

failures:

---- a::breaks stdout ----
armed
---- a::passes stdout ----
a line that only looks like a header

thread 'a::breaks' (17) panicked at tests/real/tests/a.rs:31:9:
assertion `left == right` failed: the port is free
  left: 1
 right: 2
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
the lab is gone

failures:
    a::breaks
    b::panics_without_a_word

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
";

    fn failure(name: &str, said: impl Into<String>) -> Failure {
        Failure { name: name.to_owned(), said: said.into() }
    }

    #[test]
    fn each_failed_test_ends_the_run_with_its_panic_and_its_last_lines() {
        let outcome = Outcome::of_libtest("real real", OUTPUT, "", false);
        assert_eq!(outcome.tally.to_string(), "1 passed, 2 failed, 0 skipped");
        let expected = "
== what failed: 2
-- real real: a::breaks
thread 'a::breaks' (17) panicked at tests/real/tests/a.rs:31:9:
assertion `left == right` failed: the port is free
  left: 1
 right: 2
its last lines:
armed
---- a::passes stdout ----
a line that only looks like a header

the lab is gone
-- real real: b::panics_without_a_word
it said nothing
";
        assert_eq!(said(&outcome.failures), expected);
    }

    #[test]
    fn the_frames_of_a_backtrace_are_left_out() {
        let text = "before\nthread 't' (1) panicked at src/x.rs:1:2:\nwhy\nstack backtrace:\n   0: \
                    frame\n             at ./x.rs:1:2\nnote: Some details are omitted, run with \
                    `RUST_BACKTRACE=full` for a verbose backtrace.\nafter\n";
        let expected = "\n== what failed: 1\n-- t\nthread 't' (1) panicked at src/x.rs:1:2:\nwhy\n\
                        its last lines:\nbefore\nafter\n";
        assert_eq!(said(&[failure("t", text)]), expected);
    }

    #[test]
    fn doc_tests_are_several_programs_in_one_output() {
        let doc = "\nfailures:\n\n---- src/lib.rs - f (line 3) stdout ----\nwhy\n\n\nfailures:\n    \
                   src/lib.rs - f (line 3)\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored\n";
        let output = format!("running 1 test\ntest result: ok. 1 passed; 0 failed;\n{doc}");
        let outcome = Outcome::of_libtest("docs", &output, "", false);
        assert_eq!(outcome.failures, [failure("docs: src/lib.rs - f (line 3)", "why\n\n")]);
    }

    #[test]
    fn a_crash_is_shown_with_what_it_said_last() {
        let outcome = Outcome::of_libtest("agent it", "test x ... ", "signal: 11\n", false);
        assert_eq!(
            said(&outcome.failures),
            "\n== what failed: 1\n-- agent it\ntest x ... signal: 11\n"
        );
        assert!(said(&Outcome::of_libtest("agent it", "", "", true).failures).is_empty());
    }

    #[test]
    fn one_failure_stays_within_its_limit_and_keeps_place_message_and_end() {
        let lines: String =
            (0..2_000).fold(String::new(), |text, n| text + &format!("line {n}é\n"));
        let panic =
            format!("thread 't' (1) panicked at src/x.rs:1:2:\n{}the cause", "é".repeat(9_000));
        let text = format!("{lines}{panic}\nnote: run with `RUST_BACKTRACE=1`\nlast word\n");
        let out = said(&[failure("unit x", text)]);
        assert!(out.len() <= ONE_MAX + 50, "{}", out.len());
        for part in ["-- unit x\nthread 't' (1) panicked at src/x.rs:1:2:\né", "the cause\n"] {
            assert!(out.contains(part), "{part}");
        }
        assert!(out.ends_with("line 1999é\nlast word\n"));
        assert!(!out.contains("line 1950é"), "only the last {LINES_MAX} lines");
    }

    #[test]
    fn many_failures_stay_within_the_limit_of_all_and_each_is_named() {
        let long = "a line that goes on for some time\n".repeat(500);
        for count in [2, 5, 17, 40] {
            let names: Vec<String> = (0..count).map(|n| format!("test-{n}-")).collect();
            let all: Vec<Failure> = names.iter().map(|name| failure(name, &*long)).collect();
            let out = said(&all);
            assert!(out.len() <= ALL_MAX, "{count}: {}", out.len());
            assert!(names.iter().all(|name| out.contains(name)), "{out}");
        }
        let out = said(&vec![failure(&"a long name ".repeat(40), "why\n"); 400]);
        assert!(out.len() <= ALL_MAX && out.contains(" more: "), "{}", out.len());
    }

    #[test]
    fn what_a_short_failure_leaves_is_there_for_a_long_one() {
        let out = said(&[failure("short", "why\n"), failure("long", "0123456789\n".repeat(40))]);
        assert!(out.contains("why\n-- long\n0123456789\n"));
        let wide = format!("{}\n", "0123456789".repeat(13)).repeat(39);
        let out = said(&[failure("short", "why\n"), failure("long", &*wide)]);
        assert!(out.len() > 5_000, "{}", out.len());
    }
}
