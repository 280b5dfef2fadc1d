//! Closes the connection.

use crate::effect::{Effect, EffectError};
use crate::tls::effect::Shaken;
use crate::values::Checked;
use squall_proxy::tls;

/// The effect.
pub static EFFECT: &dyn Effect = &Shaken { effect, hurt: "closed after the hello" };

fn effect(values: &Checked) -> Result<tls::Effect, EffectError> {
    Ok(tls::Effect::Close { reset: values.word("how") == "reset" })
}
