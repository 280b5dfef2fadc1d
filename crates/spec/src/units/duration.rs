//! Lengths of time in Go's form: `250ms`, `1h30m`; a bare number is refused.

use super::UnitError;
use super::decimal::{ONE, parse_digits};
use std::fmt;
use std::str::FromStr;

/// What a person should have written.
const KIND: &str = "a duration such as 250ms or 1h30m";
/// A year: longer is a typing error, and every sum of a plan stays far from overflow.
const DURATION_MAX_NANOS: u64 = 366 * 24 * 3600 * 1_000_000_000;
const MOST: &str = "8784h";

/// A length of time, exact to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(u64);

impl Duration {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// Returns a length in seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1_000_000_000)
    }

    /// Returns a length in milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// Returns a length in nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the length in nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the whole milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Returns the length in seconds.
    pub fn as_secs_f64(self) -> f64 {
        super::decimal::nearest_f64(i128::from(self.0))
    }

    /// Returns the length as the standard library's type.
    pub const fn as_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0)
    }

    /// Adds, stopping at the largest value.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Reads the form of `PromQL` ranges, which has days, weeks and years too.
    pub fn parse_promql(text: &str) -> Result<Self, UnitError> {
        read(text, |unit| match unit {
            "d" => Some(86_400 * ONE),
            "w" => Some(7 * 86_400 * ONE),
            "y" => Some(365 * 86_400 * ONE),
            other => unit_nanos(other),
        })
    }
}

/// Returns how many nanoseconds a unit of Go's form is.
fn unit_nanos(unit: &str) -> Option<i128> {
    Some(match unit {
        "h" => 3600 * ONE,
        "m" => 60 * ONE,
        "s" => ONE,
        "ms" => 1_000_000,
        "us" | "µs" | "μs" => 1_000,
        "ns" => 1,
        _ => return None,
    })
}

fn read(text: &str, unit_of: impl Fn(&str) -> Option<i128>) -> Result<Duration, UnitError> {
    let not_this = || UnitError::NotThis { text: text.to_owned(), kind: KIND };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return Err(UnitError::Negative(text.to_owned()));
    }
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut rest = text;
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c| !is_number(c)).unwrap_or(rest.len());
        let (number, after) = rest.split_at(unit_at);
        let billionths = parse_digits(number, text, KIND)?;
        if after.is_empty() {
            return Err(UnitError::NoUnit(text.to_owned()));
        }
        let next_at = after.find(is_number).unwrap_or(after.len());
        let (unit, next) = after.split_at(next_at);
        let nanos_times_one =
            billionths.checked_mul(unit_of(unit).ok_or_else(not_this)?).ok_or_else(not_this)?;
        if nanos_times_one % ONE != 0 {
            return Err(UnitError::TooFine { text: text.to_owned(), finest: "a nanosecond" });
        }
        total += nanos_times_one / ONE;
        if total > i128::from(DURATION_MAX_NANOS) {
            return Err(UnitError::TooLarge { text: text.to_owned(), most: MOST });
        }
        rest = next;
    }
    if text.is_empty() {
        return Err(not_this());
    }
    u64::try_from(total).map(Duration).map_err(|_| not_this())
}

impl FromStr for Duration {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        read(text, unit_nanos)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECOND: u64 = 1_000_000_000;
        let part = |nanos: u64, unit: u64| {
            super::decimal::print_digits(i128::from(nanos) * (ONE / i128::from(unit)))
        };
        match self.0 {
            0 => return f.write_str("0s"),
            1..1_000 => return write!(f, "{}ns", self.0),
            1_000..1_000_000 => return write!(f, "{}us", part(self.0, 1_000)),
            1_000_000..SECOND => return write!(f, "{}ms", part(self.0, 1_000_000)),
            _ => {}
        }
        let (hours, rest) = (self.0 / (3600 * SECOND), self.0 % (3600 * SECOND));
        let (minutes, seconds) = (rest / (60 * SECOND), rest % (60 * SECOND));
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        if seconds > 0 {
            write!(f, "{}s", part(seconds, SECOND))?;
        }
        Ok(())
    }
}
