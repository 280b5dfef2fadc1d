//! Times of day when a run may begin: `22:00-06:00 Asia/Shanghai`, past midnight if need be.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use std::fmt;
use std::str::FromStr;

/// A stretch of every day in a named zone; the end is not part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    from: Time,
    to: Time,
    zone: TimeZone,
    zone_name: String,
}

/// Why a text is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The shape is wrong.
    #[error("{0} is not a window such as 22:00-06:00 Asia/Shanghai")]
    Shape(String),
    /// No such zone.
    #[error("{0} is not a time zone")]
    Zone(String),
    /// Both ends are the same.
    #[error("{0} begins and ends at the same time")]
    Empty(String),
}

impl Window {
    /// Returns whether an instant falls into the window; an instant no calendar has never does.
    pub fn contains(&self, now_unix_ms: i64) -> bool {
        let Ok(now) = Timestamp::from_millisecond(now_unix_ms) else {
            return false;
        };
        let now = now.to_zoned(self.zone.clone()).time();
        if self.from < self.to {
            self.from <= now && now < self.to
        } else {
            self.from <= now || now < self.to
        }
    }
}

fn read_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<i8>().ok()).flatten()
    };
    Time::new(two(hour)?, two(minute)?, 0, 0).ok()
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let shape = || WindowError::Shape(text.to_owned());
        let (times, zone_name) = text.trim().split_once(' ').ok_or_else(shape)?;
        let (from, to) = times.split_once('-').ok_or_else(shape)?;
        let from = read_time(from).ok_or_else(shape)?;
        let to = read_time(to).ok_or_else(shape)?;
        if from == to {
            return Err(WindowError::Empty(times.to_owned()));
        }
        let zone_name = zone_name.trim();
        let zone = TimeZone::get(zone_name).map_err(|_| WindowError::Zone(zone_name.to_owned()))?;
        // The written name may differ in case; the database's own name is what prints.
        let zone_name = zone.iana_name().unwrap_or(zone_name).to_owned();
        Ok(Self { from, to, zone, zone_name })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |t: Time| format!("{:02}:{:02}", t.hour(), t.minute());
        write!(f, "{}-{} {}", time(self.from), time(self.to), self.zone_name)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    fn check(window: &str, instant: &str, expected: bool) {
        let window: Window = window.parse().unwrap();
        let now: Timestamp = instant.parse().unwrap();
        assert_eq!(window.contains(now.as_millisecond()), expected, "{instant}");
    }

    #[test]
    fn a_window_may_pass_midnight() {
        let night = "22:00-06:00 Asia/Shanghai";
        check(night, "2026-11-24T13:59:59Z", false); // 21:59:59 there
        check(night, "2026-11-24T14:00:00Z", true);
        check(night, "2026-11-24T21:59:59Z", true); // 05:59:59
        check(night, "2026-11-24T22:00:00Z", false);
    }

    #[test]
    fn a_window_follows_summer_time() {
        let day = "09:00-17:00 Europe/Berlin";
        check(day, "2026-07-01T07:00:00Z", true);
        check(day, "2026-12-01T07:00:00Z", false);
        check(day, "2026-12-01T08:00:00Z", true);
    }

    #[test]
    fn a_window_prints_as_it_reads_and_says_what_is_wrong() {
        let window: Window = "22:00-06:00 Asia/Shanghai".parse().unwrap();
        assert_eq!(window.to_string(), "22:00-06:00 Asia/Shanghai");
        let wrong = |text: &str| text.parse::<Window>().unwrap_err().to_string();
        assert_eq!(wrong("09:00-17:00 Mars/Base"), "Mars/Base is not a time zone");
        assert_eq!(wrong("9-17 UTC"), "9-17 UTC is not a window such as 22:00-06:00 Asia/Shanghai");
        assert_eq!(wrong("09:00-09:00 UTC"), "09:00-09:00 begins and ends at the same time");
        let year_999999: i64 = i64::MAX;
        assert!(!window.contains(year_999999));
    }
}
