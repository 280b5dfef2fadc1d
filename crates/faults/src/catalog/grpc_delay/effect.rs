//! Rules that hold messages.

use crate::effect::Effect;
use crate::http::effect::{Requests, delay};

/// The effect.
pub static EFFECT: &dyn Effect = &Requests { grpc: true, effect: delay, hurt: "delayed" };
