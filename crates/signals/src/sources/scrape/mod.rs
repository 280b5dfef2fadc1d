//! The embedded scraper.
