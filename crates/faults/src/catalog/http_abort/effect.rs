//! The rule that the values ask for.

use crate::effect::Effect as FaultEffect;
use crate::http::effect::Requests;
use crate::values::Checked;
use squall_proxy::{Answer, Effect};

/// The effect.
pub static EFFECT: &dyn FaultEffect =
    &Requests { grpc: false, effect, hurt: "answered with an error" };

fn effect(values: &Checked) -> Effect {
    let status = u16::try_from(values.integer("status")).unwrap_or(503);
    let body = values.text("body").unwrap_or_default().as_bytes().to_vec().into();
    let headers = values.text("add").and_then(|pair| pair.split_once(['=', ':']));
    let headers = headers.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    Effect::Answer(Answer { status, headers: headers.into_iter().collect(), body })
}
