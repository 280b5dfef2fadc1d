//! Service level indicators: a query, the shape it has, and what its data says between two times.

mod bound;
mod compiled;
mod counts;
mod health;
mod reading;
mod shape;
#[cfg(test)]
mod tests;
mod walk;

pub use bound::{Bound, Op};
pub use compiled::Indicator;
pub use health::{SPACING_SAMPLES, UP};
pub use reading::{Counts, Gap, Reading};
pub use shape::{Quantile, Ratio, Shape};
pub use walk::Walk;
