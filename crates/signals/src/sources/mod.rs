//! The sources, one folder each. The region below is written by `cargo xtask gen`.

// gen:begin sources
pub mod prometheus;
pub mod scrape;
pub mod traffic;
// gen:end
