//! Agrees on no protocol.

use crate::effect::{Effect, EffectError};
use crate::tls::effect::{Shaken, impostor};
use crate::values::Checked;
use squall_proxy::tls::{self, Alert, Fake};

/// The effect.
pub static EFFECT: &dyn Effect = &Shaken { effect, hurt: "left without a protocol" };

fn effect(values: &Checked) -> Result<tls::Effect, EffectError> {
    match values.word("answer") {
        "none" => impostor(values, Fake::NoProtocol),
        _ => Ok(tls::Effect::Alert(Alert::NoApplicationProtocol)),
    }
}
