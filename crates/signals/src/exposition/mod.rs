//! The text formats in which targets expose metrics: Prometheus text 0.0.4 and OpenMetrics 1.0.

mod cursor;
mod parse;

pub use parse::{
    Exposition, ExpositionError, Format, LINE_BYTES_MAX, Named, Page, Raw, SCRAPE_SAMPLES_MAX,
    Scraped, parse, read,
};
