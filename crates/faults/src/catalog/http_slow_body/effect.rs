//! The rule that the values ask for.

use crate::effect::Effect as FaultEffect;
use crate::http::effect::Requests;
use crate::values::Checked;
use squall_proxy::Effect;

/// The effect.
pub static EFFECT: &dyn FaultEffect = &Requests { grpc: false, effect, hurt: "slowed" };

fn effect(values: &Checked) -> Effect {
    let rate = values.byte_rate("rate").map_or(1.0, |rate| rate.bytes_per_second());
    Effect::Slow { bytes_per_second: rate.max(1.0) as u64 }
}
