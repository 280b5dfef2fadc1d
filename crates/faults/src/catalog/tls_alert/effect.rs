//! Answers with an alert.

use crate::effect::{Effect, EffectError};
use crate::tls::effect::Shaken;
use crate::values::Checked;
use squall_proxy::tls::{self, Alert};

/// The effect.
pub static EFFECT: &dyn Effect = &Shaken { effect, hurt: "ended with an alert" };

fn effect(values: &Checked) -> Result<tls::Effect, EffectError> {
    Ok(tls::Effect::Alert(match values.word("alert") {
        "unrecognized-name" => Alert::UnrecognizedName,
        "internal-error" => Alert::InternalError,
        "protocol-version" => Alert::ProtocolVersion,
        "access-denied" => Alert::AccessDenied,
        "certificate-required" => Alert::CertificateRequired,
        "decode-error" => Alert::DecodeError,
        _ => Alert::HandshakeFailure,
    }))
}
