//! The rule that the values ask for.

use crate::effect::Effect as FaultEffect;
use crate::http::effect::Requests;
use crate::values::Checked;
use squall_proxy::Effect;

/// The effect.
pub static EFFECT: &dyn FaultEffect = &Requests { grpc: false, effect, hurt: "replaced" };

fn effect(values: &Checked) -> Effect {
    let body = values.text("body").unwrap_or_default().as_bytes().to_vec().into();
    Effect::Replace { body, content_type: values.text("type").map(str::to_owned) }
}
