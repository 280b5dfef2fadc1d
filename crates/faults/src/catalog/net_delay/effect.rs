//! Chosen packets take a detour and are held on it, each for as long as the distribution says.

use crate::effect::Effect;
use crate::sys::lateness::{Lateness, Shape};
use crate::sys::line::{LineFault, late};
use squall_wire::injection::Bite;

/// What a busy machine may add to the mean, in milliseconds and as a share of it.
const SLACK_MS: f64 = 1.0;
const SLACK: f64 = 0.1;

/// The effect.
pub static EFFECT: &dyn Effect = &LineFault {
    lateness: |values, seed| {
        let shape = match values.word("distribution") {
            "normal" => Shape::Normal,
            "pareto" => Shape::Pareto,
            _ => Shape::Uniform,
        };
        let (mean, jitter) = (values.duration("mean"), values.duration("jitter"));
        Lateness::new(mean, jitter, shape, values.share("correlation"), seed)
    },
    bite: |line, tally| {
        let bite = late(line, tally);
        let tolerance = bite.asked.map(|asked| asked * SLACK + SLACK_MS);
        Bite { tolerance, ..bite }
    },
};
