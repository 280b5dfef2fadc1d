//! Rules that hold messages.

use crate::effect::Effect;
use crate::http::effect::{Requests, delay};

/// The effect.
pub static EFFECT: &dyn Effect = &Requests { grpc: false, effect: delay, hurt: "delayed" };
