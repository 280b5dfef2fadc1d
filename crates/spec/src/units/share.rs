//! Shares of a whole, written in percent: `99.95%`.

use super::UnitError;
use super::decimal::{ONE, nearest_f64, parse_digits, print_digits};
use std::fmt;
use std::str::FromStr;

const KIND: &str = "a share such as 99.95%";

/// A share from 0 to 100 %, exact to seven decimals of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Share(u32);

impl Share {
    /// All of it.
    pub const ALL: Self = Self(1_000_000_000);
    /// None of it.
    pub const NONE: Self = Self(0);

    /// Returns the share as a number from 0 to 1.
    pub fn as_f64(self) -> f64 {
        nearest_f64(i128::from(self.0))
    }

    /// Returns the share in billionths of the whole.
    pub const fn billionths(self) -> u32 {
        self.0
    }

    /// Returns what is left of the whole.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(Self::ALL.0 - self.0)
    }
}

impl FromStr for Share {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let negative = text.starts_with('-');
        let body = text.strip_prefix('-').unwrap_or(text);
        let Some(number) = body.strip_suffix('%') else {
            parse_digits(body, text, KIND)?;
            return Err(UnitError::NoUnit(text.to_owned()));
        };
        let percent = parse_digits(number.trim_end(), text, KIND)?;
        if negative {
            return Err(UnitError::Negative(text.to_owned()));
        }
        if percent > 100 * ONE {
            return Err(UnitError::ShareOverAll);
        }
        if percent % 100 != 0 {
            return Err(UnitError::TooFine { text: text.to_owned(), finest: "0.0000001%" });
        }
        let billionths = u32::try_from(percent / 100);
        Ok(Self(billionths.expect("invariant: at most 100 percent")))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", print_digits(i128::from(self.0) * 100))
    }
}
