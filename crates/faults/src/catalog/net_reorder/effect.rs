//! Chosen packets are held for a moment, in which the others go straight.

use crate::effect::{Effect, EffectError};
use crate::sys::lateness::{Lateness, Shape};
use crate::sys::line::{self, Counted, LineFault, late};
use squall_wire::injection::Bite;
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &LineFault {
    lateness: |values, seed| {
        Lateness::new(values.duration("gap"), Duration::ZERO, Shape::Uniform, 0.0, seed)
    },
    bite: |line, tally| {
        let overtaken = Counted::of(&line.counted.overtaken);
        let held = late(line, tally);
        let detail = format!("{overtaken} packets were overtaken; {}", held.detail);
        Bite { hits: overtaken, asked: None, delivered: None, detail, ..held }
    },
};

/// Tries what holding packets needs.
pub(crate) fn trial() -> Result<(), EffectError> {
    line::trial()
}
