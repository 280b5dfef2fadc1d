//! PromQL over series (reason: purity that the compiler guards, and a parser to keep away).
#![forbid(unsafe_code)]

pub mod indicator;
mod labels;
mod selector;
mod series;

pub use labels::{
    BUCKET_BOUND, Label, Labels, METRIC_NAME, is_plain_metric, is_plain_name, quoted,
};
pub use selector::{MatchOp, Matcher, PatternError, Selector};
pub use series::{LOOKBACK_MS, Sample, Series, Storage, between, is_stale_marker, stale_marker};
