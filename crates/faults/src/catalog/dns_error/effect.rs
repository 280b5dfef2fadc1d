//! Answers with an error instead of asking.

use crate::dns::effect::Questions;
use crate::effect::Effect;
use crate::values::Checked;
use squall_proxy::dns;
use squall_proxy::dns::Rcode;

/// The effect.
pub static EFFECT: &dyn Effect = &Questions { effect, hurt: "answered with an error" };

fn effect(values: &Checked) -> dns::Effect {
    dns::Effect::Error(match values.word("rcode") {
        "servfail" => Rcode::ServFail,
        "refused" => Rcode::Refused,
        "formerr" => Rcode::FormErr,
        "notimp" => Rcode::NotImp,
        _ => Rcode::NxDomain,
    })
}
