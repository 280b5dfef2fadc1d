//! Says that the answer did not fit.

use crate::dns::effect::Questions;
use crate::effect::Effect;
use crate::values::Checked;
use squall_proxy::dns;

/// The effect.
pub static EFFECT: &dyn Effect = &Questions { effect, hurt: "cut" };

fn effect(_values: &Checked) -> dns::Effect {
    dns::Effect::Truncate
}
