//! The rule that the values ask for.

use crate::effect::Effect as FaultEffect;
use crate::http::effect::Requests;
use crate::values::Checked;
use squall_proxy::Effect;

/// The effect.
pub static EFFECT: &dyn FaultEffect =
    &Requests { grpc: true, effect, hurt: "given a shorter deadline" };

fn effect(values: &Checked) -> Effect {
    Effect::Deadline { at_most: values.duration("at-most") }
}
