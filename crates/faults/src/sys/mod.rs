//! The mechanisms that effects share; the only place of the house with unsafe code.

pub mod clock;
pub mod process;
