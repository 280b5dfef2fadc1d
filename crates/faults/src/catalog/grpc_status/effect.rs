//! The rule that the values ask for.

use crate::effect::Effect as FaultEffect;
use crate::http::effect::Requests;
use crate::values::Checked;
use squall_proxy::{Effect, GrpcStatus};

/// The effect.
pub static EFFECT: &dyn FaultEffect =
    &Requests { grpc: true, effect, hurt: "ended with the status" };

fn effect(values: &Checked) -> Effect {
    let code = super::CODES.iter().position(|code| *code == values.word("code"));
    let code = code.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or_default();
    let text = |key| values.text(key).unwrap_or_default().to_owned();
    Effect::Status(GrpcStatus {
        code,
        message: text("message"),
        error_info: values.has("reason").then(|| (text("reason"), text("domain"))),
        retry_after: values.has("retry-after").then(|| values.duration("retry-after")),
    })
}
