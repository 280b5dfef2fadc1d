//! The rule that the values ask for.

use crate::effect::Effect as FaultEffect;
use crate::http::effect::Requests;
use crate::values::Checked;
use squall_proxy::Effect;

/// The effect.
pub static EFFECT: &dyn FaultEffect = &Requests { grpc: false, effect, hurt: "reset" };

fn effect(_values: &Checked) -> Effect {
    Effect::Reset
}
