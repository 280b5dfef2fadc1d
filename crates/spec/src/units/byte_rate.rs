//! Data over time: `10MiB/s`, `1Mbit/s`.

use super::decimal::{ONE, parse_digits};
use super::{Bytes, UnitError};
use std::fmt;
use std::str::FromStr;

const KIND: &str = "a rate of data such as 10MiB/s or 1Mbit/s";
/// Largest first, so that printing takes the shortest exact form.
const BITS: [(&str, u64); 4] =
    [("Gbit", 1_000_000_000), ("Mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];

/// Bytes or bits a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRate {
    amount: u64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Bytes,
    Bits,
}

impl ByteRate {
    /// Returns a rate of whole bytes a second.
    pub const fn bytes(bytes: u64) -> Self {
        Self { amount: bytes, unit: Unit::Bytes }
    }

    /// Returns the bytes of one second.
    pub fn bytes_per_second(self) -> f64 {
        match self.unit {
            Unit::Bytes => self.amount as f64,
            Unit::Bits => self.amount as f64 / 8.0,
        }
    }

    /// Returns the bits of one second.
    pub fn bits_per_second(self) -> f64 {
        self.bytes_per_second() * 8.0
    }
}

impl FromStr for ByteRate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let not_this = || UnitError::NotThis { text: text.to_owned(), kind: KIND };
        let Some((amount, per)) = text.split_once('/') else {
            let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
            // A bare number lacks the whole unit, `10MiB` only the time.
            return Err(match at {
                None if !text.is_empty() => UnitError::NoUnit(text.to_owned()),
                _ => not_this(),
            });
        };
        if per.trim() != "s" {
            return Err(not_this());
        }
        let amount = amount.trim_end();
        let unit = amount.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = &amount[..amount.len() - unit.len()];
        let Some((_, size)) = BITS.iter().find(|(name, _)| *name == unit.trim_start()) else {
            let bytes: Bytes = amount.parse().map_err(|error| match error {
                UnitError::NotThis { .. } => not_this(),
                UnitError::NoUnit(_) => UnitError::NoUnit(text.to_owned()),
                other => other,
            })?;
            return Ok(Self::bytes(bytes.get()));
        };
        let too_large = || UnitError::TooLarge { text: text.to_owned(), most: "18446744073Gbit/s" };
        let total = parse_digits(number, text, KIND)?.checked_mul(i128::from(*size));
        let total = total.ok_or_else(too_large)?;
        if total % ONE != 0 {
            return Err(UnitError::TooFine { text: text.to_owned(), finest: "one bit a second" });
        }
        let amount = u64::try_from(total / ONE).map_err(|_| too_large())?;
        Ok(Self { amount, unit: Unit::Bits })
    }
}

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Bytes => write!(f, "{}/s", Bytes::new(self.amount)),
            Unit::Bits => {
                let fits = |&&(_, size): &&(&str, u64)| {
                    self.amount >= size && self.amount.is_multiple_of(size)
                };
                let (unit, size) = BITS.iter().find(fits).unwrap_or(&("bit", 1));
                write!(f, "{}{unit}/s", self.amount / size)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    fn check(text: &str, bytes: f64, printed: &str) {
        let rate: ByteRate = text.parse().unwrap();
        assert_eq!(rate.bytes_per_second(), bytes, "{text}");
        assert_eq!(rate.to_string(), printed, "{text}");
        assert_eq!(printed.parse::<ByteRate>().unwrap(), rate);
    }

    #[test]
    fn rates_are_read_exactly() {
        check("10MiB/s", 10_485_760.0, "10MiB/s");
        check("1.5 kB / s", 1_500.0, "1500B/s");
        check("1Mbit/s", 125_000.0, "1Mbit/s");
        check("2.5Gbit/s", 312_500_000.0, "2500Mbit/s");
        check("12bit/s", 1.5, "12bit/s");
    }

    #[test]
    fn what_is_no_rate_says_so() {
        let said = |text: &str| text.parse::<ByteRate>().unwrap_err().to_string();
        assert_eq!(said("10"), "10 has no unit");
        assert_eq!(said("10/s"), "10/s has no unit");
        for bad in ["", "10MiB", "10MiB/m", "10Mb/s", "x/s", "/s", "-1B/s"] {
            assert!(said(bad).contains("not a rate of data"), "{bad}: {}", said(bad));
        }
        assert!(said("0.1bit/s").contains("one bit a second"), "{}", said("0.1bit/s"));
        assert!(said("99999999999Gbit/s").contains("18446744073Gbit/s"));
    }
}
