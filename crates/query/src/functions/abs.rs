//! `abs`: returns the absolute value.

use crate::function::{Body, Function};

/// The function.
pub const FUNCTION: Function =
    Function { name: "abs", summary: "Returns the absolute value.", body: Body::Each(f64::abs) };
