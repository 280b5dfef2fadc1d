//! Amounts of memory and data: `64MiB`, `10MB`.

use super::UnitError;
use super::decimal::{ONE, parse_digits};
use std::fmt;
use std::str::FromStr;

const KIND: &str = "a size such as 64MiB";
/// Largest first, binary before decimal, so that printing takes the shortest exact form.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(u64);

impl Bytes {
    /// Returns a number of bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Returns the number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(at);
        let billionths = parse_digits(number, text, KIND)?;
        let unit = unit.trim_start();
        if unit.is_empty() {
            return Err(UnitError::NoUnit(text.to_owned()));
        }
        let size = UNITS.iter().find(|(name, _)| *name == unit);
        let (_, size) =
            size.ok_or_else(|| UnitError::NotThis { text: text.to_owned(), kind: KIND })?;
        let total = billionths.checked_mul(i128::from(*size));
        let too_large = || UnitError::TooLarge { text: text.to_owned(), most: "16777215TiB" };
        let total = total.ok_or_else(too_large)?;
        if total % ONE != 0 {
            return Err(UnitError::TooFine { text: text.to_owned(), finest: "one byte" });
        }
        u64::try_from(total / ONE).map(Self).map_err(|_| too_large())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |&&(_, size): &&(&str, u64)| self.0 >= size && self.0.is_multiple_of(size);
        let (unit, size) = UNITS.iter().find(fits).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / size)
    }
}
