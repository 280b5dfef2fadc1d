//! Answers the handshake itself, with a wrong certificate.

use crate::effect::{Effect, EffectError};
use crate::tls::effect::{Shaken, impostor};
use crate::values::Checked;
use squall_proxy::tls::{self, Fake};

/// The effect.
pub static EFFECT: &dyn Effect = &Shaken { effect, hurt: "shown a wrong certificate" };

fn effect(values: &Checked) -> Result<tls::Effect, EffectError> {
    let fake = match values.word("wrong") {
        "expired" => Fake::Expired,
        "name" => Fake::WrongName,
        _ => Fake::UnknownIssuer,
    };
    impostor(values, fake)
}
