//! Which tests took the time: with one test at a time, a test's time is that between two results.

use std::time::Duration;

/// How many are named.
const NAMED: usize = 8;

/// The tests of one program, with how long each took.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Duration,
    tests: Vec<(Duration, String)>,
}

impl Pace {
    /// Reads a line that came `at` after the program's start.
    pub(crate) fn take(&mut self, line: &str, at: Duration) {
        let begins = line.starts_with("running ");
        let name = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... "));
        if let Some((name, _)) = name {
            self.tests.push((at.saturating_sub(self.last), name.to_owned()));
        }
        if begins || name.is_some() {
            self.last = at;
        }
    }

    /// The slowest ones in a line, where any took a second or more.
    pub(crate) fn slowest(mut self) -> Option<String> {
        self.tests.sort_by(|a, b| b.cmp(a));
        let slow = self.tests.iter().filter(|(took, _)| took.as_secs() > 0).take(NAMED);
        let named: Vec<String> =
            slow.map(|(took, name)| format!("{name} {:.1} s", took.as_secs_f64())).collect();
        (!named.is_empty()).then(|| named.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tests_time_is_that_since_the_result_before() {
        let mut pace = Pace::default();
        let ms = Duration::from_millis;
        pace.take("running 3 tests", ms(500));
        pace.take("test kills::all ... said by the test itself", ms(3_000));
        pace.take("test agent::short ... ok", ms(3_100));
        pace.take("a line between", ms(4_000));
        pace.take("test agent::long ... ok", ms(8_100));
        assert_eq!(pace.slowest().as_deref(), Some("agent::long 5.0 s, kills::all 2.5 s"));
        assert_eq!(Pace::default().slowest(), None);
    }
}
