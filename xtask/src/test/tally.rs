//! Adds up what test programs say: libtest's result lines, and `SKIP name: reason` lines of tests
//! that lack a need, which libtest counts as passed.

/// How many tests ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    /// One test that passed.
    pub(crate) const PASSED: Tally = Tally { passed: 1, failed: 0, skipped: 0 };
    /// One test that failed.
    pub(crate) const FAILED: Tally = Tally { passed: 0, failed: 1, skipped: 0 };
    /// One test that could not run.
    pub(crate) const SKIPPED: Tally = Tally { passed: 0, failed: 0, skipped: 1 };

    /// Reads a libtest program's whole output. `ended_well` is its exit code: a program that
    /// crashed without a result line is one failure, never none.
    pub(crate) fn of_libtest(output: &str, ended_well: bool) -> Tally {
        let mut tally = Tally::default();
        for result in output.lines().filter_map(|line| line.strip_prefix("test result: ")) {
            tally.passed += number_before(result, " passed");
            tally.failed += number_before(result, " failed");
            tally.skipped += number_before(result, " ignored");
        }
        let skips = output.lines().filter(|line| is_skip(line)).count() as u64;
        tally.skipped += skips;
        tally.passed = tally.passed.saturating_sub(skips);
        if !ended_well && tally.failed == 0 {
            tally.failed = 1;
        }
        tally
    }
}

fn is_skip(line: &str) -> bool {
    line.strip_prefix("SKIP ").is_some_and(|rest| rest.contains(": "))
}

fn number_before(text: &str, word: &str) -> u64 {
    let Some(at) = text.find(word) else { return 0 };
    text[..at].rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(output: &str, ended_well: bool) -> String {
        Tally::of_libtest(output, ended_well).to_string()
    }

    #[test]
    fn results_are_added() {
        let output = "test a ... ok\ntest result: ok. 22 passed; 0 failed; 1 ignored; 0 measured\n\
                      test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured\n";
        assert_eq!(tally(output, false), "25 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn a_skip_is_no_pass() {
        let output = "---- pause stdout ----\nSKIP pause: not root\nnot a SKIP here: no\n\
                      test result: ok. 2 passed; 0 failed; 0 ignored\n";
        assert_eq!(tally(output, true), "1 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn a_crash_is_a_failure() {
        assert_eq!(tally("running 3 tests\n", false), "0 passed, 1 failed, 0 skipped");
        assert_eq!(tally("", true), "0 passed, 0 failed, 0 skipped");
    }

    #[test]
    fn sums() {
        let mut sum = Tally::PASSED;
        sum += Tally::FAILED;
        sum += Tally::SKIPPED;
        assert_eq!(sum.to_string(), "1 passed, 1 failed, 1 skipped");
    }
}
