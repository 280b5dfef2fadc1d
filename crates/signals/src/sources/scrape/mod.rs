//! The embedded scraper: reads a target's metrics page once a pull.

mod target;

pub use target::{BODY_BYTES_MAX, JOB, Scrape, TIMEOUT};
