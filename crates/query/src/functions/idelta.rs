//! `idelta`: returns a gauge's change between its last two samples.

use crate::extrapolation;
use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function = Function {
    name: "idelta",
    summary: "Returns a gauge's change between its last two samples.",
    body: Body::OverBoth(|window| extrapolation::last_two(window, false)),
};
