//! Owns what a value must meet.

/// How a value is compared with its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `<`
    Below,
}

impl Op {
    /// Tells whether more is better.
    pub fn wants_more(self) -> bool {
        matches!(self, Op::AtLeast | Op::Above)
    }
}

/// What a value must meet, in the query's own unit: a share from 0 to 1, or seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// How it is compared.
    pub op: Op,
    /// With what.
    pub value: f64,
}

impl Bound {
    /// Tells whether a value meets the bound; NaN never does.
    pub fn holds(self, value: f64) -> bool {
        match self.op {
            Op::AtLeast => value >= self.value,
            Op::AtMost => value <= self.value,
            Op::Above => value > self.value,
            Op::Below => value < self.value,
        }
    }
}
