//! The rule that the values ask for.

use crate::effect::Effect as FaultEffect;
use crate::http::effect::Requests;
use crate::values::Checked;
use squall_proxy::Effect;

/// The effect.
pub static EFFECT: &dyn FaultEffect = &Requests { grpc: false, effect, hurt: "cut" };

fn effect(values: &Checked) -> Effect {
    Effect::Truncate { after: values.bytes("after").unwrap_or(0) }
}
