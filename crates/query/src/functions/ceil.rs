//! `ceil`: rounds up to a whole number.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function =
    Function { name: "ceil", summary: "Rounds up to a whole number.", body: Body::Each(f64::ceil) };
