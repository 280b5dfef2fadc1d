//! Says nothing.

use crate::dns::effect::Questions;
use crate::effect::Effect;
use crate::values::Checked;
use squall_proxy::dns;

/// The effect.
pub static EFFECT: &dyn Effect = &Questions { effect, hurt: "lost" };

fn effect(_values: &Checked) -> dns::Effect {
    dns::Effect::Timeout
}
