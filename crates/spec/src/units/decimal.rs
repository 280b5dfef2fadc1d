//! Exact decimal numbers: digits in, the same digits out, no binary fraction between.

use super::UnitError;
use std::fmt;
use std::str::FromStr;

/// Fraction digits kept; enough for parts per billion.
pub(super) const SCALE: u32 = 9;
pub(super) const ONE: i128 = 1_000_000_000;
/// Whole digits taken; more is a typing error, and 18 + 9 digits never overflow `i128`.
const WHOLE_DIGITS_MAX: usize = 18;

/// A plain number, exact to nine decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Number(i128);

impl Number {
    /// Returns a whole number.
    pub const fn whole(value: i64) -> Self {
        Self(value as i128 * ONE)
    }

    /// Returns the nearest floating-point number.
    pub fn as_f64(self) -> f64 {
        nearest_f64(self.0)
    }
}

impl FromStr for Number {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (digits, negative) = match text.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let value = parse_digits(digits, text, "a number")?;
        Ok(Self(if negative { -value } else { value }))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        f.write_str(&print_digits(self.0.abs()))
    }
}

/// Reads unsigned digits with an optional fraction into billionths.
pub(super) fn parse_digits(
    digits: &str,
    text: &str,
    kind: &'static str,
) -> Result<i128, UnitError> {
    let not_this = || UnitError::NotThis { text: text.to_owned(), kind };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return Err(not_this()),
        Some(parts) => parts,
        None => (digits, ""),
    };
    if whole.is_empty() || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) {
        return Err(not_this());
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > WHOLE_DIGITS_MAX {
        return Err(UnitError::TooLarge { text: text.to_owned(), most: "18 digits" });
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > SCALE as usize {
        return Err(UnitError::TooFine { text: text.to_owned(), finest: "nine decimals" });
    }
    let number = |part: &str| part.bytes().fold(0_i128, |n, b| n * 10 + i128::from(b - b'0'));
    let missing = SCALE - fraction.len() as u32;
    Ok(number(whole) * ONE + number(fraction) * 10_i128.pow(missing))
}

/// Prints billionths with as few digits as say all of it.
pub(super) fn print_digits(value: i128) -> String {
    let (whole, fraction) = (value / ONE, value % ONE);
    if fraction == 0 {
        return whole.to_string();
    }
    let digits = format!("{fraction:09}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// Returns the floating-point number nearest to a count of billionths.
pub(super) fn nearest_f64(billionths: i128) -> f64 {
    // Reading the decimal text rounds once and correctly; dividing would round twice.
    let sign = if billionths < 0 { "-" } else { "" };
    format!("{sign}{}", print_digits(billionths.abs()))
        .parse()
        .expect("invariant: printed digits are a floating-point literal")
}
