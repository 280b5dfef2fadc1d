//! Service level indicators: a query, the shape it has, and what its data says between two times.

mod counts;
mod health;
mod reading;
mod shape;
mod walk;

pub use reading::{Bound, Counts, Gap, Indicator, Op, Reading};
pub use shape::{Quantile, Ratio, Shape};
pub use walk::Walk;
