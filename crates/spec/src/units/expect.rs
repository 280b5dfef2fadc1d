//! Bounds on an indicator: `>= 99.95%`, `<= 300ms`, `< 5`.

use super::{Bytes, Duration, Number, Rate, Share, UnitError};
use std::fmt;
use std::str::FromStr;

/// A bound on an indicator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expect {
    /// The comparison; the indicator is on its left.
    pub op: Op,
    /// The bound.
    pub value: Quantity,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// At least.
    Ge,
    /// More than.
    Gt,
    /// At most.
    Le,
    /// Less than.
    Lt,
}

/// A number with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// Percent of a whole; queries yield 0 to 1.
    Share(Share),
    /// A length of time; queries yield seconds.
    Duration(Duration),
    /// Events over time; queries yield events a second.
    Rate(Rate),
    /// An amount of data; queries yield bytes.
    Bytes(Bytes),
    /// A plain number.
    Number(Number),
}

impl Expect {
    /// Returns the bound in the unit that queries yield.
    pub fn bound_in_query_unit(&self) -> f64 {
        match self.value {
            Quantity::Share(share) => share.as_f64(),
            Quantity::Duration(duration) => duration.as_secs_f64(),
            Quantity::Rate(rate) => rate.per_second(),
            Quantity::Bytes(bytes) => bytes.get() as f64,
            Quantity::Number(number) => number.as_f64(),
        }
    }

    /// Returns whether a value is inside the bound; a value that is no number never is.
    pub fn holds(&self, value: f64) -> bool {
        let bound = self.bound_in_query_unit();
        match self.op {
            Op::Ge => value >= bound,
            Op::Gt => value > bound,
            Op::Le => value <= bound,
            Op::Lt => value < bound,
        }
    }
}

impl Op {
    /// Returns the operator as written.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Ge => ">=",
            Self::Gt => ">",
            Self::Le => "<=",
            Self::Lt => "<",
        }
    }

    /// Splits a text into its operator and the rest.
    pub fn split(text: &str) -> Option<(Self, &str)> {
        // Longer signs first, for `>` begins `>=`.
        [Self::Ge, Self::Le, Self::Gt, Self::Lt]
            .into_iter()
            .find_map(|op| Some((op, text.strip_prefix(op.sign())?)))
    }
}

impl FromStr for Quantity {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        if text.contains('%') {
            return text.parse().map(Self::Share);
        }
        if text.contains('/') {
            return text.parse().map(Self::Rate);
        }
        let Some(unit_at) = text.find(|c: char| c.is_alphabetic()) else {
            return text.parse().map(Self::Number);
        };
        if text[unit_at..].ends_with('B') {
            return text.parse().map(Self::Bytes);
        }
        text.parse().map(Self::Duration)
    }
}

impl FromStr for Expect {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let Some((op, rest)) = Op::split(text.trim()) else {
            return Err(UnitError::NotThis {
                text: text.to_owned(),
                kind: "a bound such as \">= 99.95%\"",
            });
        };
        Ok(Self { op, value: rest.trim().parse()? })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => share.fmt(f),
            Self::Duration(duration) => duration.fmt(f),
            Self::Rate(rate) => rate.fmt(f),
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.op.sign(), self.value)
    }
}
