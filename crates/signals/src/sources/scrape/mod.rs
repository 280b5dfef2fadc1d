//! The embedded scraper: reads a target's metrics page once a pull.

mod intake;
mod target;

pub use intake::Intake;
pub use target::{BODY_BYTES_MAX, JOB, Scrape, TIMEOUT};
