//! Holds questions for a while.

use crate::dns::effect::Questions;
use crate::effect::Effect;
use crate::values::Checked;
use squall_proxy::dns;

/// The effect.
pub static EFFECT: &dyn Effect = &Questions { effect, hurt: "delayed" };

fn effect(values: &Checked) -> dns::Effect {
    dns::Effect::Delay { mean: values.duration("mean"), jitter: values.duration("jitter") }
}
