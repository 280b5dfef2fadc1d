//! Rules that hold messages.

use crate::effect::Effect as FaultEffect;
use crate::http::effect::Requests;
use crate::values::Checked;
use squall_proxy::{Delay, Distribution, Effect};

/// The effect.
pub static EFFECT: &dyn FaultEffect = &Requests { grpc: false, effect, hurt: "delayed" };

fn effect(values: &Checked) -> Effect {
    let distribution = match values.word("distribution") {
        "normal" => Distribution::Normal,
        "exponential" => Distribution::Exponential,
        "pareto" => Distribution::Pareto,
        _ => Distribution::Uniform,
    };
    let (mean, jitter) = (values.duration("mean"), values.duration("jitter"));
    Effect::Delay(Delay { distribution, mean, jitter })
}
