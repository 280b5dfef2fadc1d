//! Native histograms: a value with many buckets in place of one number.

mod arithmetic;
mod buckets;
mod model;
mod quantile;
mod resets;
mod shown;

pub(crate) use arithmetic::{mean, sum};
pub use model::{CUSTOM_BOUNDS, Hint, Histogram, HistogramSample, HistogramSeries};
pub(crate) use resets::change;
