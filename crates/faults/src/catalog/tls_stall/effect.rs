//! Holds the hello.

use crate::effect::{Effect, EffectError};
use crate::tls::effect::Shaken;
use crate::values::Checked;
use squall_proxy::tls;

/// The effect.
pub static EFFECT: &dyn Effect = &Shaken { effect, hurt: "stalled" };

fn effect(_values: &Checked) -> Result<tls::Effect, EffectError> {
    Ok(tls::Effect::Stall)
}
