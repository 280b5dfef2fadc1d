//! The SDK in the target acts; see `sys/inprocess`.

use crate::effect::Effect;
use crate::sys::inprocess::InProcess;

/// The effect.
pub static EFFECT: &dyn Effect = &InProcess;
