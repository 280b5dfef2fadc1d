//! Events over time: `200/s`, `30/m`.

use super::UnitError;
use super::decimal::{ONE, nearest_f64, parse_digits, print_digits};
use std::fmt;
use std::str::FromStr;

const KIND: &str = "a rate such as 200/s";
/// One machine sends no more than this; a larger rate is a typing error.
const RATE_MAX_PER_SECOND: i128 = 10_000_000;

/// Events over a second, a minute or an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    billionths: i128,
    per: Per,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Per {
    Second,
    Minute,
    Hour,
}

impl Rate {
    /// Returns a rate of whole events a second.
    pub const fn per_sec(events: u32) -> Self {
        Self { billionths: events as i128 * ONE, per: Per::Second }
    }

    /// Returns the events of one second.
    pub fn per_second(self) -> f64 {
        let events = nearest_f64(self.billionths);
        match self.per {
            Per::Second => events,
            Per::Minute => events / 60.0,
            Per::Hour => events / 3600.0,
        }
    }

    /// Returns whether nothing ever happens.
    pub const fn is_zero(self) -> bool {
        self.billionths == 0
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let Some((number, unit)) = text.split_once('/') else {
            parse_digits(text, text, KIND)?;
            return Err(UnitError::NoUnit(text.to_owned()));
        };
        let billionths = parse_digits(number.trim_end(), text, KIND)?;
        let (per, seconds) = match unit.trim_start() {
            "s" => (Per::Second, 1),
            "m" | "min" => (Per::Minute, 60),
            "h" => (Per::Hour, 3600),
            _ => {
                return Err(UnitError::NotThis { text: text.to_owned(), kind: KIND });
            }
        };
        if billionths > RATE_MAX_PER_SECOND * seconds * ONE {
            return Err(UnitError::TooLarge { text: text.to_owned(), most: "10000000/s" });
        }
        Ok(Self { billionths, per })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per {
            Per::Second => "s",
            Per::Minute => "m",
            Per::Hour => "h",
        };
        write!(f, "{}/{unit}", print_digits(self.billionths))
    }
}
