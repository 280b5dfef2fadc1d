//! Damages a hello.

use crate::effect::{Effect, EffectError};
use crate::tls::effect::Shaken;
use crate::values::Checked;
use squall_proxy::tls::{self, Half};

/// The effect.
pub static EFFECT: &dyn Effect = &Shaken { effect, hurt: "damaged" };

fn effect(values: &Checked) -> Result<tls::Effect, EffectError> {
    let half = if values.word("hello") == "client" { Half::Client } else { Half::Server };
    Ok(tls::Effect::Corrupt(half))
}
